import functools
import re
from pathlib import Path

import pytest
from safetensors.torch import load_file
from tool_runs import run_tool

from qaclims_mm import miniworld
from qaclims_mm.miniworld import blip_recipe, clip_quality, clip_recipe

FEW = ('--steps', 20, '--pictures', 2, '--test-pictures', 2)


@pytest.fixture
def small_batches(monkeypatch):
    for module, name, batch_size in (
        (clip_recipe, 'train_clip', 2),
        (blip_recipe, 'train_blip', 1),
    ):
        real = getattr(module, name)
        monkeypatch.setattr(module, name, functools.partial(real, batch_size=batch_size))


@pytest.mark.usefixtures('small_batches')
def test_clip(tmp_path, capsys):
    done = run_tool(
        'train_miniworld_models', 'clip', *FEW, '--out', tmp_path / 'clip', capsys=capsys
    )
    assert done.status == 0, done.text
    assert re.findall(r'(with mask prompts|plain) {', done.text) == ['with mask prompts', 'plain']
    for name in ('class', 'kind', 'scene', 'purity'):
        assert len(re.findall(rf"'{name}': \d", done.text)) == 2
    assert re.search(r'loss \d\.\d\d -> \d\.\d{3}, weights in', done.text)
    assert len(load_file(tmp_path / 'clip/open_clip_model.safetensors')) > 50


@pytest.mark.usefixtures('small_batches')
def test_blip(tmp_path, capsys):
    done = run_tool(
        'train_miniworld_models', 'blip', *FEW, '--out', tmp_path / 'blip', capsys=capsys
    )
    assert done.status == 0, done.text
    for name in ('fine_1', 'object_7', 'scene_3', 'all'):
        assert re.search(rf"'{name}': \d", done.text)
    assert re.search(r'loss \d\.\d\d -> \d\.\d{3}, weights in', done.text)
    assert len(load_file(tmp_path / 'blip/model.safetensors')) > 50


@pytest.mark.parametrize('model', ['clip', 'blip'])
def test_without_options_it_is_the_recipe_of_the_shipped_weights(
    tmp_path, capsys, monkeypatch, model
):
    calls = []

    def train(folder, **options):
        calls.append((folder, options))
        return [2.0] * 60 + [1.0] * 50

    def rates(folder, *args):
        calls.append((folder, *args))
        return {}

    monkeypatch.setattr(clip_recipe, 'train_clip', train)
    monkeypatch.setattr(blip_recipe, 'train_blip', train)
    monkeypatch.setattr(blip_recipe, 'answer_rates', rates)
    monkeypatch.setattr(clip_quality, 'recognition_rates', rates)
    monkeypatch.chdir(tmp_path)  # wherever it is started
    done = run_tool('train_miniworld_models', model, capsys=capsys)
    assert done.status == 0
    assert 'loss 2.00 -> 1.000' in done.text
    out = str(Path(miniworld.__file__).parent / f'weights/{model}')
    # nothing but the seed is given: steps, pictures, batches and rate are the recipe's own
    assert calls[0] == (out, dict(seed=0))
    if model == 'clip':
        name = f'local-dir:{out}'
        assert calls[1:] == [(name, f'{out}/mask_prompt.safetensors', 200), (name, None, 200)]
    else:
        assert calls[1:] == [(out, 200)]
