from pathlib import Path

import pytest

from qaclims_mm.paths import resolve


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
        match=r'^miniworld://flan: .*flan is not there; .*tools/train_miniworld_models\.py\.$',
    ):
        resolve('miniworld://flan')
