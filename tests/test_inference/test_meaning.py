from pathlib import Path

import pytest

from qaclims_mm.engine.config_file import execute_config
from qaclims_mm.inference.meaning import (
    OF_MINIWORLD,
    OF_RANDOM_CLIP,
    OF_REHEARSAL,
    names_random_clip,
    names_shipped,
    preset_of,
    warning_of,
)
from qaclims_mm.schemas.project_options import INIT, Options, init_bytes

ROOT = Path(__file__).resolve().parents[2]
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


def clip(**options):
    return dict(type='CLIPImageHead', model='ViT-B-16') | options


@pytest.mark.parametrize(
    'head',
    [
        clip(),
        clip(pretrained=None),
        clip(pretrained=''),
        clip(type='mmseg.CLIPImageHead'),
        clip(type='CLIPTextHead'),
        clip(model='miniworld-own-name', image_size=112),
    ],
)
def test_a_clip_without_weights(head):
    assert names_random_clip(head)
    configs = [SHIPPED, dict(model=dict(image_head=head)), OTHER]
    assert warning_of('full', configs) == OF_RANDOM_CLIP
    assert warning_of('', [dict(text_encoding=[(head,)])]) == OF_RANDOM_CLIP


@pytest.mark.parametrize(
    'head',
    [
        clip(pretrained='openai'),
        clip(pretrained='weights/clip.safetensors'),
        clip(model='local-dir:weights/clip'),
        clip(model='hf-hub:someone/clip'),
        clip(model='miniworld://clip'),
        dict(type='HFImageHead', model='someone/clip'),
        # of every segmentor of mmseg
        dict(type='EncoderDecoder', pretrained=None),
        None,
    ],
)
def test_a_clip_with_weights(head):
    assert not names_random_clip(head)
    assert warning_of('full', [dict(model=dict(image_head=head))]) != OF_RANDOM_CLIP


def test_no_config_that_ships_has_a_random_clip():
    paths = list((ROOT / 'configs').glob('[!_]*/*_voc12aug-*.py'))
    found = [p for p in paths if warning_of('', [execute_config(p).to_dict()]) == OF_RANDOM_CLIP]
    assert len(paths) > 50
    assert not found


def test_weights_that_ship():
    assert names_shipped('miniworld://clip')
    assert not names_shipped('of miniworld://')
    assert not names_shipped(None)
