import math

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from qaclims_mm.functional.cam import resize
from qaclims_mm.miniworld import clip_recipe
from qaclims_mm.miniworld.clip_recipe import (
    MIN_STEPS,
    check_steps,
    collate,
    contrastive_loss,
    fade,
    train_clip,
    write_tokenizer,
)
from qaclims_mm.miniworld.generate import make_picture
from qaclims_mm.miniworld.regions import PROMPTS, Region, is_background, sample_region
from qaclims_mm.miniworld.world import CLASSES, vocabulary
from qaclims_mm.vlms.clip.frozen import IMAGE_STATS
from qaclims_mm.vlms.clip.open_clip import CLIPImageHead, CLIPTextHead

TINY = dict(steps=MIN_STEPS, batch_size=2, pictures=2)
WEIGHTS = ('open_clip_model.safetensors', 'mask_prompt.safetensors')


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError('a test asked for the network')

    monkeypatch.setattr('socket.socket.connect', refuse)
    monkeypatch.setattr('socket.getaddrinfo', refuse)


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp('clip')
    return folder, train_clip(folder, **TINY)


def naive_loss(image, text, targets, scale):
    """Cross entropy of the targets and of the softmax, region by region and text by text."""
    logits = [[scale * float(i @ t) for t in text] for i in image]
    rows = list(zip(logits, targets.tolist(), strict=True))
    columns = list(zip(zip(*logits, strict=True), targets.T.tolist(), strict=True))
    total = 0.0
    for values, goal in rows + columns:
        logsum = math.log(sum(math.exp(v) for v in values))
        for value, share in zip(values, goal, strict=True):
            total -= share / max(sum(goal), 1e-6) * (value - logsum)
    return total / (2 * len(logits))


def features(number=5, width=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    draws = torch.randn(2, number, width, generator=generator, dtype=torch.float64)
    targets = torch.rand(number, number, generator=generator, dtype=torch.float64)
    return *F.normalize(draws, dim=-1), targets


@pytest.mark.parametrize('scale', [1.0, 14.0])
@pytest.mark.parametrize('empty_row', [False, True])
def test_loss_against_a_naive_loop(scale, empty_row):
    image, text, targets = features()
    if empty_row:
        targets[2] = 0
    got = contrastive_loss(image, text, targets, torch.tensor(scale))
    assert got.item() == pytest.approx(naive_loss(image, text, targets, scale), abs=1e-9)


def test_loss_is_lowest_where_the_softmax_is_the_target():
    # symmetric with equal sums, so that both directions can be met at once
    targets = torch.tensor([[0.7, 0.2, 0.1], [0.2, 0.5, 0.3], [0.1, 0.3, 0.6]], dtype=torch.float64)
    entropy = -(targets * targets.log()).sum(1).mean()
    # features whose products are the logarithms of the targets
    perfect = contrastive_loss(targets.log(), torch.eye(3).double(), targets, torch.tensor(1.0))
    assert perfect.item() == pytest.approx(entropy.item(), abs=1e-9)
    for seed in range(20):
        image, text, _ = features(3, 6, seed)
        assert contrastive_loss(image, text, targets, torch.tensor(5.0)) > perfect


def test_right_texts_of_others_are_no_negatives():
    # twice the same text: pushing the two apart would be wrong
    eye = torch.eye(2, 4).double()
    same = eye[[0, 0, 1]]
    targets = torch.tensor([[1.0, 1, 0], [1, 1, 0], [0, 0, 1]]).double()
    loss = contrastive_loss(same, same, targets, torch.tensor(100.0))
    assert loss.item() == pytest.approx(2 / 3 * math.log(2), abs=1e-6)


def regions(number=6):
    rng = np.random.default_rng(0)
    return [sample_region(rng, *make_picture(5, i, 48)) for i in range(number)]


def test_collate():
    batch = regions()
    images, masks, targets, prompts = collate(np.random.default_rng(1), batch, 32)
    assert images.shape == (6, 3, 32, 32)
    assert masks.shape == (6, 1, 32, 32)
    assert set(masks.unique().tolist()) <= {0.0, 1.0}
    texts = []
    for prompt in prompts:
        # the longest text that makes this prompt, the others have a dot or an article of it
        fits = {t for r in batch for t in r.scores if prompt in {p.format(t) for p in PROMPTS}}
        texts.append(max(fits, key=len))
    for i, region in enumerate(batch):
        assert targets[i, i] > 0
        clarity = float(resize(torch.from_numpy(region.weight)[None, None], (32, 32), True).max())
        fits = [region.scores.get(text, 0.0) for text in texts]
        empty = [float(is_background(text)) for text in texts]
        for j in range(6):
            wanted = clarity * fits[j] / sum(fits) + (1 - clarity) * empty[j] / sum(empty)
            assert targets[i, j] == pytest.approx(wanted, abs=1e-6)


def test_fading_regions_fit_backgrounds():
    targets = torch.tensor([[0.6, 0.2, 0.0]]).repeat(3, 1)
    faded = fade(targets, torch.tensor([1.0, 0.5, 0.0]), [False, True, True])
    wanted = torch.tensor([[0.75, 0.25, 0.0], [0.375, 0.375, 0.25], [0.0, 0.5, 0.5]])
    torch.testing.assert_close(faded, wanted)


def test_fade_without_a_fitting_text():
    # none of the texts is of a background, and nothing fits the second region
    targets = torch.tensor([[1.0, 1.0], [0.0, 0.0]])
    faded = fade(targets, torch.tensor([0.5, 0.5]), [False, False])
    torch.testing.assert_close(faded, torch.tensor([[0.25, 0.25], [0.0, 0.0]]))


def test_collate_normalises_masks_and_flips():
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    weight = np.zeros((32, 32), np.float32)
    weight[8:20, 4:10] = 0.5
    batch = [Region(image, weight, {'cat': 1.0})] * 12
    images, masks, _, _ = collate(np.random.default_rng(0), batch, 32)
    mean, std = (np.array(v) for v in IMAGE_STATS['clip'])
    wanted = torch.from_numpy((image / 255 - mean) / std * weight[..., None]).permute(2, 0, 1)
    inside = torch.from_numpy(weight > 0).float()
    ways = set()
    for one, mask in zip(images, masks, strict=True):
        flipped = bool(mask[0, 10, 25])
        ways.add(flipped)
        undo = (lambda x: x.flip(-1)) if flipped else (lambda x: x)
        torch.testing.assert_close(undo(one), wanted.float(), atol=1e-5, rtol=0)
        torch.testing.assert_close(undo(mask[0]), inside)
    assert ways == {True, False}


def test_collate_resizes_with_aligned_corners():
    batch = regions(1)
    images, _, _, _ = collate(np.random.default_rng(3), batch, 24)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in IMAGE_STATS['clip'])
    pixels = (torch.from_numpy(batch[0].image).permute(2, 0, 1) / 255 - mean) / std
    weight = torch.from_numpy(batch[0].weight)[None]
    wanted = resize(pixels[None], (24, 24), True) * resize(weight[None], (24, 24), True)
    closest = min((images - w).abs().max() for w in (wanted, wanted.flip(-1)))
    assert closest < 1e-4


def test_tokenizer_knows_every_word(tmp_path):
    from transformers import AutoTokenizer

    size = write_tokenizer(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert len(tokenizer) == size
    for text in (*vocabulary(), *(f'A photo of no {c}.' for c in CLASSES)):
        ids = tokenizer(text)['input_ids']
        assert ids[0] == tokenizer.bos_token_id
        assert ids[-1] == tokenizer.eos_token_id
        assert tokenizer.unk_token_id not in ids
        assert len(ids) <= 12  # the context of the model
    assert tokenizer('unicorn')['input_ids'][1] == tokenizer.unk_token_id


def test_training_lowers_the_loss(tmp_path):
    losses = train_clip(tmp_path, steps=3 * MIN_STEPS, batch_size=8, pictures=1, lr=2e-3)
    assert len(losses) == 3 * MIN_STEPS
    # better than not to tell the eight texts apart
    assert np.mean(losses[-8:]) < math.log(8) - 0.1 < np.mean(losses[:8])


def test_equal_seeds_give_equal_weights(trained, tmp_path):
    folder, losses = trained
    assert train_clip(tmp_path, **TINY) == losses
    for name in WEIGHTS:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_other_seeds_give_other_weights(trained, tmp_path):
    train_clip(tmp_path, **TINY, seed=1)
    for name in WEIGHTS:
        assert (tmp_path / name).read_bytes() != (trained[0] / name).read_bytes()


def test_weights_are_half_precision(trained):
    assert {v.dtype for v in load_file(trained[0] / WEIGHTS[0]).values()} == {torch.float16}
    prompts = load_file(trained[0] / WEIGHTS[1])
    assert {k: (v.dtype, tuple(v.shape)) for k, v in prompts.items()} == {
        'mask_embedding': (torch.float16, (3, 144, 128))
    }


@pytest.mark.usefixtures('no_network')
def test_open_clip_loads_the_folder(trained, tmp_path, monkeypatch):
    import open_clip

    monkeypatch.chdir(tmp_path)
    name = f'local-dir:{trained[0]}'
    clip = open_clip.create_model(name).eval()
    state = load_file(trained[0] / WEIGHTS[0])
    for key, value in clip.state_dict().items():
        assert torch.equal(value, state[key].to(value.dtype)), key
    tokens = open_clip.get_tokenizer(name)(['a photo of cat', 'no black sheep'])
    assert tokens.shape == (2, 12)
    encoded = clip.encode_text(tokens, normalize=True)
    ours = CLIPTextHead(name).load().encode(['a photo of cat', 'no black sheep'])
    torch.testing.assert_close(encoded.detach(), ours)
    head = CLIPImageHead(name, mask_prompt=str(trained[0] / WEIGHTS[1])).load()
    assert head.image_size == 96
    half = torch.zeros(1, 1, 96, 96)
    half[..., :48] = 1
    assert head(torch.zeros(1, 3, 96, 96), half).shape == (1, 64)


def test_a_killed_training_leaves_the_earlier_weights(trained, monkeypatch):
    folder = trained[0]
    before = {p.name: p.read_bytes() for p in folder.iterdir()}

    def kill(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(clip_recipe, 'contrastive_loss', kill)
    with pytest.raises(KeyboardInterrupt):
        train_clip(folder, **TINY)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


@pytest.mark.parametrize('steps', [0, 10, MIN_STEPS - 1])
def test_too_few_steps(tmp_path, steps):
    with pytest.raises(ValueError, match=rf'steps must be at least 20, .* but got {steps}\.'):
        train_clip(tmp_path / 'new', steps=steps)
    assert not (tmp_path / 'new').exists()
    check_steps(MIN_STEPS)
