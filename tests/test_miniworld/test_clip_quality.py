import numpy as np
import pytest
import torch

from qaclims_mm.miniworld import clip_quality
from qaclims_mm.miniworld.clip_quality import recognition_rates
from qaclims_mm.miniworld.generate import make_picture
from qaclims_mm.miniworld.regions import object_mask
from qaclims_mm.miniworld.world import CLASS_FACTS, CLASSES, SCENE_FACTS, SCENES, label_with
from qaclims_mm.vlms.clip.frozen import IMAGE_STATS

WORLD = [make_picture(21, i, 48) for i in range(12)]
PREFIX = 'a photo of '
KINDS = [label_with(k, c) for c in CLASSES for k in CLASS_FACTS[c].kinds]
NAMES = [
    *CLASSES,
    *KINDS,
    *(SCENE_FACTS[s].names[0] for s in SCENES),
    *(f'no {c}' for c in CLASSES),
]


def feature(*names):
    vector = torch.zeros(len(NAMES))
    for name in names:
        vector[NAMES.index(name)] = 1
    return vector


class TextHead:
    def __init__(self, model):
        assert model == 'a CLIP'

    def load(self):
        return self

    def encode(self, texts):
        assert all(t.startswith(PREFIX) for t in texts)
        return torch.stack([feature(t.removeprefix(PREFIX)) for t in texts])


class ImageHead(TextHead):
    def __init__(self, model, mask_prompt):
        super().__init__(model)
        assert mask_prompt == 'a prompt'


def after(names, name):
    """Return another one of some names."""
    return names[(names.index(name) + 1) % len(names)]


def encoder(mistake):
    """Return an image encoder that is perfect, but for a mistake in every second region."""
    regions = {}
    for scene, picture in WORLD:
        for thing in scene.objects:
            own = object_mask(picture, thing.class_name)
            regions[picture.image.tobytes(), own.tobytes()] = (scene.name, thing)
    calls = []

    def encode(head, image, masks):
        own, rest = masks
        np.testing.assert_array_equal(own + rest, 1)
        scene, thing = regions[image.tobytes(), own.tobytes()]
        calls.append(thing)
        wrong = mistake if len(calls) % 2 else ''
        class_name, seen = thing.class_name, scene
        kind = label_with(thing.name, class_name)
        if wrong == 'class':
            class_name = after(CLASSES, class_name)
        if wrong == 'kind':
            kind = after(KINDS, kind)
        if wrong == 'scene':
            seen = after(SCENES, scene)
        fg, bg = feature(class_name, kind), feature(seen)
        if wrong != 'absence':
            bg += feature(f'no {thing.class_name}')
        if wrong == 'leak':
            fg += 2 * feature(scene)
        if wrong == 'loss':
            bg += 2 * feature(class_name)
        return torch.stack([fg, bg])

    return encode, calls


# what is wrong in every second region, and the rates that fall
CASES = {
    '': (),
    'class': ('class', 'purity'),
    'kind': ('kind',),
    'scene': ('scene', 'purity'),
    'leak': ('purity',),
    'loss': ('purity', 'absence'),
    'absence': ('absence',),
}


@pytest.mark.parametrize(('mistake', 'fall'), CASES.items())
def test_rates_are_shares_of_all_objects(monkeypatch, mistake, fall):
    encode, calls = encoder(mistake)
    monkeypatch.setattr(clip_quality, 'CLIPTextHead', TextHead)
    monkeypatch.setattr(clip_quality, 'CLIPImageHead', ImageHead)
    monkeypatch.setattr(clip_quality, '_encode', encode)
    monkeypatch.setattr(clip_quality, 'draw_pictures', lambda seed, number: WORLD[:number])
    rates = recognition_rates('a CLIP', 'a prompt', pictures=12)
    objects = sum(len(s.objects) for s, _ in WORLD)
    assert len(calls) == objects > 12
    assert set(rates) == {'class', 'kind', 'scene', 'purity', 'absence'}
    for name, rate in rates.items():
        wanted = 100 * (objects // 2) / objects if name in fall else 100
        assert rate == pytest.approx(wanted), name


class RecordingHead:
    input_size = (96, 96)

    def __init__(self, mask_prompt):
        self.mask_prompt = mask_prompt

    def normalise(self, images):
        mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in IMAGE_STATS['clip'])
        return (images / 255 - mean) / std

    def __call__(self, images, mask):
        self.seen = images, mask
        return torch.arange(2 * 4).float().view(2, 4) + 1


@pytest.mark.parametrize('mask_prompt', [None, 'a prompt'])
def test_regions_are_cut_out(mask_prompt):
    image = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    own = np.zeros((48, 48), np.float32)
    own[10:30, 5:25] = 1
    head = RecordingHead(mask_prompt)
    features = clip_quality._encode(head, image, (own, 1 - own))
    torch.testing.assert_close(features.norm(dim=-1), torch.ones(2))
    images, mask = head.seen
    assert images.shape == (2, 3, 96, 96)
    shown = (images != 0).any(1)
    # no pixel is in both, and together they are the picture
    assert (shown[0] ^ shown[1]).float().mean() > 0.999
    assert shown[0].float().mean() == pytest.approx(own.mean(), abs=0.01)
    if mask_prompt is None:
        assert mask is None
    else:
        assert set(mask.unique().tolist()) == {0.0, 1.0}
        assert torch.equal(mask[:, 0].bool() & shown, shown)
