"""The weights that ship: what they are, and what they know."""

import filecmp
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from qaclims_mm import miniworld
from qaclims_mm.miniworld import blip_recipe, clip_recipe, clipseg_model
from qaclims_mm.miniworld.blip_recipe import answer_rates
from qaclims_mm.miniworld.clip_quality import recognition_rates
from qaclims_mm.miniworld.clipseg_quality import prompt_ious
from qaclims_mm.paths import resolve

WEIGHTS = Path(miniworld.__file__).parent / 'weights'
SHIPPED = sorted(p.relative_to(WEIGHTS).as_posix() for p in WEIGHTS.rglob('*') if p.is_file())
# Not a world that the recipes train on, nor one that the default data set is of.
UNSEEN = 5


@pytest.fixture(autouse=True)
def _offline(monkeypatch, tmp_path):
    def refuse(*args, **kwargs):
        raise AssertionError('a test asked for the network')

    monkeypatch.setattr('socket.socket.connect', refuse)
    monkeypatch.setattr('socket.getaddrinfo', refuse)
    # names in a config must not depend on where a tool is started
    monkeypatch.chdir(tmp_path)


def test_files():
    assert [name for name in SHIPPED if name.startswith(('blip/', 'clip/', 'clipseg/'))] == [
        'blip/config.json',
        'blip/generation_config.json',
        'blip/model.safetensors',
        'blip/tokenizer_config.json',
        'blip/vocab.txt',
        'clip/mask_prompt.safetensors',
        'clip/open_clip_config.json',
        'clip/open_clip_model.safetensors',
        'clip/tokenizer.json',
        'clip/tokenizer_config.json',
        'clipseg/config.json',
        'clipseg/model.safetensors',
        'clipseg/tokenizer.json',
        'clipseg/tokenizer_config.json',
    ]
    assert sum((WEIGHTS / name).stat().st_size for name in SHIPPED) <= 16 * 2**20


@pytest.mark.parametrize('name', [n for n in SHIPPED if n.endswith('.safetensors')])
def test_weights_are_half_precision_and_finite(name):
    state = load_file(WEIGHTS / name)
    # BN counts its batches in integers
    weights = {k: v for k, v in state.items() if not k.endswith('num_batches_tracked')}
    assert {v.dtype for v in weights.values()} == {torch.float16}
    assert all(torch.isfinite(v).all() for v in state.values())


def test_the_recipes_still_write_what_ships(tmp_path):
    # another vocabulary or shape would need another training
    clip, blip = tmp_path / 'clip', tmp_path / 'blip'
    clip.mkdir()
    blip.mkdir()
    clip_recipe.write_config(clip, clip_recipe.write_tokenizer(clip))
    size = blip_recipe.write_tokenizer(blip)
    for path in (*clip.iterdir(), *blip.iterdir()):
        assert filecmp.cmp(path, WEIGHTS / path.relative_to(tmp_path), shallow=False), path.name
    built = blip_recipe.build_model(size).state_dict()
    shipped = load_file(WEIGHTS / 'blip/model.safetensors')
    assert {k: built[k].shape for k in shipped} == {k: v.shape for k, v in shipped.items()}
    built = clipseg_model.build_model(clip_recipe.write_tokenizer(tmp_path)).state_dict()
    shipped = load_file(WEIGHTS / 'clipseg/model.safetensors')
    assert {k: v.shape for k, v in built.items()} == {k: v.shape for k, v in shipped.items()}
    for name in ('tokenizer.json', 'tokenizer_config.json'):
        assert filecmp.cmp(tmp_path / name, WEIGHTS / 'clipseg' / name, shallow=False)


def test_open_clip_loads_ours():
    import open_clip

    name = f'local-dir:{resolve("miniworld://clip")}'
    clip = open_clip.create_model(name)
    state = load_file(WEIGHTS / 'clip/open_clip_model.safetensors')
    for key, value in clip.state_dict().items():
        assert torch.equal(value, state[key].to(value.dtype)), key
    assert open_clip.get_tokenizer(name)(['a photo of cat']).tolist()[0][0] == 2


def test_transformers_loads_ours():
    from transformers import BertTokenizer, BlipForQuestionAnswering

    folder = resolve('miniworld://blip')
    model, info = BlipForQuestionAnswering.from_pretrained(folder, output_loading_info=True)
    assert not info['missing_keys']
    assert not info['unexpected_keys']
    assert model.config.vision_config.image_size == 112
    assert BertTokenizer.from_pretrained(folder)('what is above the cat?')['input_ids'][0] == 2


# Measured on 200 unseen pictures by qaclims train-miniworld, in percent, with mask prompts
# and plain: class 95.5 and 94.7, kind 81.9 and 81.5, scene 100 and 100, purity 100 and 100.
# "No dog" means as little to it as to CLIPs of photographs.
@pytest.mark.parametrize('mask_prompt', ['miniworld://clip/mask_prompt.safetensors', None])
def test_clip_names_ground_truth_regions(mask_prompt):
    rates = recognition_rates('miniworld://clip', mask_prompt, pictures=60, seed=UNSEEN)
    least = dict({'class': 90}, kind=75, scene=98, purity=95)
    assert 25 < rates.pop('absence') < 75
    assert {k: v for k, v in rates.items() if v < least[k]} == {}


# Measured on 30 unseen pictures (36 objects), in percent: 89.4 in all; scenes, aliases, above,
# under and around 100, behind 97.2, kinds 83.3, next to 75.0. Left 44.4 and right 47.2 are no
# better than a guess between the two things of a scene, so nothing is asked of them alone.
def test_blip_answers():
    rates = answer_rates('miniworld://blip', pictures=30, seed=UNSEEN)
    least = dict(all=86, fine_1=77, fine_2=77, object_3=91, object_5=69, object_6=0, object_7=0)
    assert {k: v for k, v in rates.items() if v < least.get(k, 97)} == {}


# Measured on 200 pictures of the world that users draw, as mean IoUs in percent: classes 62.1,
# kinds 61.4, things 61.9; on these 30: 65.8, 68.5 and 60.5. Of absent classes it marks nothing in
# 15.1 and 17.2 percent only, so its score is no proof that a class is there.
def test_clipseg_segments_names():
    ious = prompt_ious('miniworld://clipseg', pictures=30, seed=UNSEEN)
    least = dict(classes=60, kinds=60, things=53)
    assert {k: v for k, v in ious.items() if v < least.get(k, 5)} == {}
