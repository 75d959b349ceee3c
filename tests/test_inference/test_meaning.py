import pytest

from qaclims_mm.inference.meaning import (
    OF_MINIWORLD,
    OF_REHEARSAL,
    names_shipped,
    preset_of,
    warning_of,
)
from qaclims_mm.schemas.project_options import INIT, Options, init_bytes

SHIPPED = dict(model=dict(heads=[dict(pretrained='miniworld://clip')]))
OTHER = dict(model=dict(backbone=dict(init_cfg=None, weights='of miniworld://')))


@pytest.mark.parametrize(
    ('preset', 'config', 'warning'),
    [
        ('rehearsal', OTHER, OF_REHEARSAL),
        ('rehearsal', SHIPPED, OF_REHEARSAL),
        ('mini', SHIPPED, OF_MINIWORLD),
        ('full', SHIPPED, OF_MINIWORLD),
        ('full', OTHER, ''),
    ],
)
def test_warning(tmp_path, preset, config, warning):
    options = Options(tmp_path / 'images', preset=preset)
    (tmp_path / INIT).write_bytes(init_bytes(tmp_path, options, {}))
    for folder in (tmp_path, tmp_path / 'work', tmp_path / 'work/segment'):
        assert preset_of(folder) == preset
        assert warning_of(preset_of(folder), [OTHER, config]) == warning


def test_outside_a_project(tmp_path):
    assert (preset_of(tmp_path), warning_of('', [])) == ('', '')
    assert warning_of('', [SHIPPED]) == OF_MINIWORLD
    (tmp_path / INIT).write_text('no table')
    assert preset_of(tmp_path) == ''


def test_weights_that_ship():
    assert names_shipped(SHIPPED)
    assert not names_shipped(OTHER)
    assert not names_shipped(None)
