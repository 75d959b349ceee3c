import pytest
import torch
from torch.nn import functional as F

from qaclims_mm.registry import MODELS

CONFIG = dict(
    type='FrozenFeatureHead',
    in_channels=12,
    num_blocks=2,
    num_classes=5,
    channels=16,
    num_layers=2,
    num_heads=4,
)
RANDOM = torch.Generator().manual_seed(0)


def build(**options):
    torch.manual_seed(0)
    return MODELS.build({**CONFIG, **options})


def naive_layer(layer, x):
    """A pre-norm block with QuickGELU, from the weights."""
    normed = layer.norm1(x)
    attention, width = layer.self_attn, x.shape[-1]
    q, k, v = F.linear(normed, attention.in_proj_weight, attention.in_proj_bias).split(width, -1)
    heads, side = [], width // attention.num_heads
    for start in range(0, width, side):
        one, other, value = (t[..., start : start + side] for t in (q, k, v))
        heads.append((one @ other.mT / side**0.5).softmax(-1) @ value)
    x = x + attention.out_proj(torch.cat(heads, -1))
    hidden = layer.linear1(layer.norm2(x))
    return x + layer.linear2(hidden * torch.sigmoid(1.702 * hidden))


def test_equals_its_formulas():
    head = build().eval()
    features = [torch.randn(2, 12, 3, 4, generator=RANDOM) for _ in range(2)]
    logits, fused = head(features)
    embedded = []
    for (first, _, second), x in zip(head.embeds, features, strict=True):
        cells = x.flatten(2).mT
        hidden = F.linear(cells, first.weight[:, :, 0, 0], first.bias).clamp(min=0)
        embedded.append(F.linear(hidden, second.weight[:, :, 0, 0], second.bias))
    cells = F.linear(torch.cat(embedded, -1), head.fuse.weight[:, :, 0, 0], head.fuse.bias)
    torch.testing.assert_close(fused.flatten(2).mT, cells)
    for layer in head.layers:
        cells = naive_layer(layer, cells)
    wanted = F.linear(cells, head.classify.weight[:, :, 0, 0], head.classify.bias)
    torch.testing.assert_close(logits.flatten(2).mT, wanted, rtol=1e-4, atol=1e-5)
    assert logits.shape == (2, 5, 3, 4)


def test_it_has_no_positions():
    """A decoder that is trained on crops predicts on larger images."""
    head = build().eval()
    features = [torch.randn(1, 12, 3, 4, generator=RANDOM) for _ in range(2)]
    turned, _ = head([x.flip(-1) for x in features])
    torch.testing.assert_close(turned.flip(-1), head(features)[0], rtol=1e-4, atol=1e-5)
    assert head([torch.zeros(1, 12, 7, 9)] * 2)[0].shape == (1, 5, 7, 9)


def test_every_weight_learns():
    head = build()
    logits, _ = head([torch.randn(2, 12, 3, 4, generator=RANDOM) for _ in range(2)])
    logits.square().mean().backward()
    still = [n for n, p in head.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []


def test_another_number_of_blocks_is_refused():
    with pytest.raises(ValueError, match='for 2 feature maps, but got 3; set num_blocks=3'):
        build()([torch.zeros(1, 12, 3, 4)] * 3)
