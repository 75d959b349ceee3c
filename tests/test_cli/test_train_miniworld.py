import re
from pathlib import Path

import pytest
from tool_runs import run_tool

from qaclims_mm import miniworld
from qaclims_mm.miniworld import (
    blip_recipe,
    clip_quality,
    clip_recipe,
    clipseg_quality,
    clipseg_recipe,
)

WEIGHTS = Path(miniworld.__file__).parent / 'weights'


@pytest.mark.parametrize(('model', 'lines'), [('clip', 2), ('blip', 1)])
def test_it_prints_what_the_model_knows(capsys, monkeypatch, model, lines):
    recipe = clip_recipe if model == 'clip' else blip_recipe
    # trained long ago
    monkeypatch.setattr(recipe, f'train_{model}', lambda folder, **options: [3.0, 0.5])
    out = ('--out', WEIGHTS / model)
    done = run_tool('train_miniworld', model, *out, '--test-pictures', 4, capsys=capsys)
    assert done.status == 0, done.text
    names = ('class', 'kind', 'scene') if model == 'clip' else ('fine_1', 'scene_3', 'all')
    for name in names:
        found = re.findall(rf"'{name}': (\d+\.\d)\b", done.text)
        assert len(found) == lines
        # far above a guess
        assert all(float(rate) > 30 for rate in found)
    assert ('with mask prompts {' in done.text) == ('plain {' in done.text) == (model == 'clip')
    assert f'loss 3.00 -> 1.750, weights in {WEIGHTS / model}' in done.text


def test_options_reach_the_recipe(tmp_path, capsys, monkeypatch):
    calls = []
    monkeypatch.setattr(clip_recipe, 'train_clip', lambda *a, **k: calls.append((a, k)) or [1.0])
    monkeypatch.setattr(clip_quality, 'recognition_rates', lambda *args: {})
    options = ('--seed', 3, '--steps', 25, '--pictures', 7)
    run_tool('train_miniworld', 'clip', *options, '--out', tmp_path, capsys=capsys)
    assert calls == [((str(tmp_path),), dict(seed=3, steps=25, pictures=7))]


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
    done = run_tool('train_miniworld', model, capsys=capsys)
    assert done.status == 0
    assert 'loss 2.00 -> 1.000' in done.text
    out = str(WEIGHTS / model)
    # nothing but the seed is given: steps, pictures, batches and rate are the recipe's own
    assert calls[0] == (out, dict(seed=0))
    if model == 'clip':
        name = f'local-dir:{out}'
        assert calls[1:] == [(name, f'{out}/mask_prompt.safetensors', 200), (name, None, 200)]
    else:
        assert calls[1:] == [(out, 200)]


def test_clipseg_prints_how_well_it_segments(tmp_path, capsys, monkeypatch):
    calls = []

    def rates(folder, pictures):
        calls.append((folder, pictures))
        return dict(classes=61.26, absent=90.0)

    monkeypatch.setattr(
        clipseg_recipe, 'train_clipseg', lambda *a, **k: calls.append((a, k)) or [1.0]
    )
    monkeypatch.setattr(clipseg_quality, 'prompt_ious', rates)
    done = run_tool('train_miniworld', 'clipseg', '--test-pictures', 4, capsys=capsys)
    assert done.status == 0
    out = str(WEIGHTS / 'clipseg')
    assert calls == [((out,), dict(seed=0)), (out, 4)]
    assert "{'classes': 61.3, 'absent': 90.0}" in done.text
