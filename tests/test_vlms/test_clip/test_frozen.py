import pytest
import torch
from contracts import ImageHeadContract, TextHeadContract

from qaclims_mm.vlms.clip.frozen import (
    FrozenImageHead,
    FrozenTextHead,
    ImageEncoder,
    hash_text_tower,
)


def toy_clip():
    torch.manual_seed(0)
    layers = dict(
        text_model=torch.nn.EmbeddingBag(128, 4),
        vision_model=torch.nn.Conv2d(3, 4, 8, 8, bias=False),
        visual_projection=torch.nn.Linear(4, 4),
        logit_scale=torch.nn.Linear(1, 1),
    )
    return torch.nn.ModuleDict(layers).requires_grad_(False).eval()


class ToyTextHead(FrozenTextHead):
    def _read(self):
        return toy_clip()

    def _features(self, texts):
        ids = [torch.tensor([1, *t.encode()]) for t in texts]
        return torch.cat([self._encoder['text_model'](i[None]) for i in ids])


class ToyImageHead(FrozenImageHead):
    own_size = 16

    def _read(self):
        clip = toy_clip()
        size = self.image_size or self.own_size
        return ImageEncoder(
            clip['vision_model'], size, ((0.1, 0.2, 0.3), (1.0, 2.0, 3.0)), hash_text_tower(clip)
        )

    def _features(self, images, mask=None):
        return self._frozen(images).mean((2, 3))


class TestTextHead(TextHeadContract):
    def make(self, **options):
        return ToyTextHead('toy', **options)


class TestImageHead(ImageHeadContract):
    side, larger, width = 16, 24, 4
    stats = (0.1, 0.2, 0.3), (1.0, 2.0, 3.0)

    def make(self, **options):
        return ToyImageHead('toy', **options)

    def make_text(self):
        return ToyTextHead('toy')


@pytest.mark.parametrize(
    ('key', 'changes'),
    [
        ('text_model.weight', True),
        ('vision_model.weight', False),
        ('visual_projection.bias', False),
        ('logit_scale.weight', False),
    ],
)
def test_hash_is_of_the_text_tower(key, changes):
    clip, other = toy_clip(), toy_clip()
    assert hash_text_tower(clip) == hash_text_tower(other)
    other.state_dict()[key].view(-1)[-1:].add_(1e-3)
    assert (hash_text_tower(clip) != hash_text_tower(other)) is changes


def test_hash_is_of_names_too():
    layer = torch.nn.Linear(2, 2)
    a, b = (hash_text_tower(torch.nn.ModuleDict({k: layer})) for k in 'ab')
    assert a != b


def test_own_constants_are_no_number_before_loading():
    head = ToyImageHead('toy')
    assert head.mean.isnan().all()
    assert not head.load().mean.isnan().any()


@pytest.mark.parametrize(
    ('size', 'image_size', 'input_size'),
    [
        (None, 16, (16, 16)),
        (24, 24, (24, 24)),
        ((24, 24), 24, (24, 24)),
        ([16, 24], (16, 24), (16, 24)),
    ],
)
def test_sizes(size, image_size, input_size):
    head = ToyImageHead('toy', image_size=size).load()
    assert head.image_size == image_size
    assert head.input_size == input_size


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(norm='imagnet'), r"^norm must be one of \('model', .*\), but got 'imagnet'\.$"),
        (dict(dtype='int8'), r"^dtype must be one of \(None, .*\), but got 'int8'\.$"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        ToyImageHead('toy', **options)


@pytest.mark.slow
def test_compiled_features_and_gradients_are_the_same():
    plain, compiled = (ToyImageHead('toy', compile=c) for c in (False, True))
    for number in (2, 3):
        images = torch.randn(number, 3, 16, 16)
        inputs = [images.clone().requires_grad_() for _ in range(2)]
        features = [head(x) for head, x in zip((plain, compiled), inputs, strict=True)]
        torch.testing.assert_close(*features)
        for one in features:
            one.square().sum().backward()
        torch.testing.assert_close(inputs[0].grad, inputs[1].grad)
