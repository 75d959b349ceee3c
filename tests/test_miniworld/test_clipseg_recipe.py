import math
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from contracts import noise
from safetensors.torch import load_file

from qaclims_mm.miniworld.clip_recipe import MIN_STEPS
from qaclims_mm.miniworld.clipseg_model import IMAGE_SIZE
from qaclims_mm.miniworld.clipseg_recipe import (
    ALL_TEXTS,
    collate,
    mask_loss,
    named_masks,
    sample_prompts,
    train_clipseg,
)
from qaclims_mm.miniworld.generate import make_picture
from qaclims_mm.miniworld.regions import PROMPTS
from qaclims_mm.miniworld.world import CLASSES, SCENE_FACTS, names_of, vocabulary
from qaclims_mm.vlms.segment.base import segment_texts
from qaclims_mm.vlms.segment.clipseg import CLIPSegSegmenter

TINY = dict(steps=MIN_STEPS, batch_size=2, texts=3, pictures=2)
WORLD = [make_picture(21, i, 112) for i in range(12)]


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp('clipseg')
    return folder, train_clipseg(folder, **TINY)


def test_every_word_is_one_of_the_world():
    assert {w for text in ALL_TEXTS for w in text.split()} == set(vocabulary())
    assert len(set(ALL_TEXTS)) == len(ALL_TEXTS)


def test_names_stand_for_their_pixels():
    for scene, picture in WORLD:
        named = named_masks(scene, picture)
        assert set(named) <= set(ALL_TEXTS)
        objects = np.zeros_like(picture.mask, dtype=bool)
        for thing in scene.objects:
            own = picture.mask == CLASSES.index(thing.class_name) + 1
            objects |= own
            for name in names_of(thing.class_name, thing.name):
                assert np.array_equal(named[name], own)
        for name in SCENE_FACTS[scene.name].names:
            assert not (named[name] & objects).any()
        for name, seen in picture.things.items():
            assert np.array_equal(named[name], seen)


def test_prompts_are_about_what_is_there_and_what_is_not():
    rng = np.random.default_rng(0)
    there = 0
    for scene, picture in WORLD * 10:
        named = named_masks(scene, picture)
        prompts = sample_prompts(rng, scene, picture, 4)
        assert prompts.masks.shape == (4, 112, 112)
        for text, mask in zip(prompts.texts, prompts.masks, strict=True):
            there += text in named
            if text in named:
                assert np.array_equal(mask, named[text])
            else:
                assert not mask.any()
    assert there == 3 * 120


def test_the_loss_is_that_of_its_definition():
    rng = np.random.default_rng(0)
    logits, masks = rng.normal(size=(3, 4, 5)), rng.integers(2, size=(3, 4, 5)).astype(float)
    masks[2] = 0
    known = (rng.random((3, 4, 5)) < 0.8).astype(float)
    crossed, dice = 0.0, []
    for t in range(3):
        both = covered = true = 0.0
        for at in np.ndindex(4, 5):
            p, y, k = 1 / (1 + math.exp(-logits[t][at])), masks[t][at], known[t][at]
            crossed -= k * (y * math.log(p) + (1 - y) * math.log(1 - p))
            both, covered, true = both + k * p * y, covered + k * p, true + k * y
        if masks[t].any():
            dice.append(1 - (2 * both + 1) / (covered + true + 1))
    loss = mask_loss(*map(torch.from_numpy, (logits, masks, known)))
    assert float(loss) == pytest.approx(crossed / logits.size + np.mean(dice), abs=1e-6)
    absent = mask_loss(torch.full((2, 3, 3), -30.0), torch.zeros(2, 3, 3), torch.ones(2, 3, 3))
    assert float(absent) == pytest.approx(0, abs=1e-6)


def test_a_batch():
    rng = np.random.default_rng(0)
    images, prompts, masks, known = collate(rng, WORLD[:3], 2)
    assert images.shape == (3, 3, IMAGE_SIZE, IMAGE_SIZE)
    assert masks.shape == known.shape == (6, IMAGE_SIZE, IMAGE_SIZE)
    assert len(prompts) == 6
    bare = [p.format('') for p in PROMPTS]
    assert all(any(p.startswith(b.rstrip('. ')) for b in bare) for p in prompts)
    assert 0 <= masks.min() <= masks.max() <= 1 + 1e-6
    # the soft edges of objects do not count
    assert known.min() == 0
    assert known[0].mean() > 0.8


def test_images_and_masks_are_flipped_together():
    class Flip:
        def __init__(self, rng, value):
            self.rng, self.value = rng, value

        def random(self):
            return self.value

        def __getattr__(self, name):
            return getattr(self.rng, name)

    plain, flipped = (collate(Flip(np.random.default_rng(0), v), WORLD[:1], 3) for v in (0.9, 0.1))
    torch.testing.assert_close(plain[0], flipped[0].flip(-1), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(plain[2], flipped[2].flip(-1), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(plain[3], flipped[3].flip(-1), atol=1e-4, rtol=1e-4)


def test_training_writes_what_the_segmenter_reads(trained):
    folder, losses = trained
    assert len(losses) == MIN_STEPS
    assert all(np.isfinite(losses))
    segmenter = CLIPSegSegmenter(str(folder), image_size=IMAGE_SIZE)
    segmenter.load('cpu')
    found = segment_texts(segmenter, noise(112, 112), ['cat', 'a photo of a boat', 'unheard of'])
    assert found.masks.shape == (3, 112, 112)
    state = load_file(folder / 'model.safetensors')
    assert {v.dtype for v in state.values()} == {torch.float16}


def test_the_same_seed_gives_the_same_weights(trained, tmp_path):
    folder, losses = trained
    assert train_clipseg(tmp_path, **TINY) == losses
    assert (tmp_path / 'model.safetensors').read_bytes() == (
        folder / 'model.safetensors'
    ).read_bytes()


def test_weights_that_are_written_half_do_not_replace_the_earlier_ones(trained, monkeypatch):
    folder = trained[0]
    before = {p.name: p.read_bytes() for p in folder.iterdir()}

    def kill(model, folder):
        (Path(folder) / 'model.safetensors').write_bytes(b'half')
        raise KeyboardInterrupt

    monkeypatch.setattr(transformers.CLIPSegForImageSegmentation, 'save_pretrained', kill)
    with pytest.raises(KeyboardInterrupt):
        train_clipseg(folder, **TINY)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_too_few_steps(tmp_path):
    with pytest.raises(ValueError, match='steps must be at least'):
        train_clipseg(tmp_path / 'x', steps=3)
    assert not (tmp_path / 'x').exists()
