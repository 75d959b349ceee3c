from pathlib import Path

import pytest

from qaclims_mm.paths import mmseg_config, resolve


@pytest.mark.parametrize('path', ['ViT-L-14', '/data/x.safetensors', 'hf-hub:a/b', 'miniworld', ''])
def test_other_names_stay(path):
    assert resolve(path) == path


@pytest.mark.parametrize(
    ('path', 'file'),
    [
        ('miniworld://clip', 'open_clip_config.json'),
        ('miniworld://clip/mask_prompt.safetensors', ''),
        ('miniworld://blip', 'model.safetensors'),
    ],
)
def test_shipped_weights(path, file):
    found = Path(resolve(path), file)
    assert found.is_file()
    assert found.is_absolute()


def test_what_is_not_shipped():
    with pytest.raises(
        FileNotFoundError,
        match=r'^miniworld://flan: .*flan is not there; .*make it with qaclims train-miniworld\.$',
    ):
        resolve('miniworld://flan')


def test_configs_of_mmseg():
    assert 'SegformerHead' in Path(mmseg_config('_base_/models/segformer_mit-b0.py')).read_text()
    with pytest.raises(FileNotFoundError, match=r'^the mmseg in \S+ has no config a/b\.py\.$'):
        mmseg_config('a/b.py')


def test_configs_of_mmseg_without_mmseg(monkeypatch):
    monkeypatch.setattr('qaclims_mm.paths.find_spec', lambda name: None)
    with pytest.raises(ImportError, match=r'^mmseg, whose config a\.py is a base, is not inst'):
        mmseg_config('a.py')
