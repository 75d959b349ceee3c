import pytest
import torch
from torch import nn

from qaclims_mm.models.max_pool import FastMaxPool2d, speed_up_max_pool
from qaclims_mm.registry import MODELS

OPTIONS = [
    dict(kernel_size=3, stride=2, padding=1),
    dict(kernel_size=3, stride=2, padding=1, ceil_mode=True),
    dict(kernel_size=(2, 3), stride=(1, 2), padding=(1, 0)),
    dict(kernel_size=3, dilation=2),
]


def pooled(pool, values):
    """Return what a pool makes of values, and their gradient."""
    values = values.clone().requires_grad_()
    out = pool(values)
    weights = torch.randn(out.shape, generator=torch.Generator().manual_seed(1), dtype=out.dtype)
    out.backward(weights)
    return out.detach(), values.grad


@pytest.mark.parametrize('options', OPTIONS)
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64, torch.bfloat16])
def test_result_and_gradient_have_the_same_bits(options, dtype):
    torch.manual_seed(0)
    # of the ties after a ReLU, too, the first takes the gradient
    values = torch.randn(2, 5, 14, 11).relu().to(dtype)
    found, wanted = (
        pooled(FastMaxPool2d(**options), values),
        pooled(nn.MaxPool2d(**options), values),
    )
    for ours, of_torch in zip(found, wanted, strict=True):
        assert torch.equal(ours, of_torch)
        assert ours.stride() == of_torch.stride()


def test_not_numbers_spread():
    values = torch.randn(1, 3, 8, 8)
    values[0, 1, 3, 3] = torch.nan
    options = OPTIONS[0]
    found, wanted = FastMaxPool2d(**options)(values), nn.MaxPool2d(**options)(values)
    torch.testing.assert_close(found, wanted, rtol=0, atol=0, equal_nan=True)
    assert found.isnan().any()


@pytest.mark.parametrize(
    'values',
    [
        torch.randn(2, 3, 8, 8).to(memory_format=torch.channels_last),
        torch.randn(3, 8, 8),
        torch.empty(2, 3, 8, 8, device='meta'),
    ],
    ids=['channels-last', 'one-image', 'other-device'],
)
def test_others_go_torchs_way(values):
    found, wanted = FastMaxPool2d(3, 2, 1)(values), nn.MaxPool2d(3, 2, 1)(values)
    assert (found.shape, found.stride()) == (wanted.shape, wanted.stride())
    if values.device.type == 'cpu':
        assert torch.equal(found, wanted)


def test_places_are_returned_where_asked_for():
    values = torch.randn(1, 2, 6, 6)
    found = FastMaxPool2d(2, return_indices=True)(values)
    wanted = nn.MaxPool2d(2, return_indices=True)(values)
    assert all(map(torch.equal, found, wanted))


def test_an_export_sees_torchs_own_pool():
    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.pool = FastMaxPool2d(3, 2, 1)

        def forward(self, x):
            return self.pool(x)

    exported = torch.export.export(Network(), (torch.randn(1, 2, 8, 8),))
    assert 'aten.max_pool2d.default' in str(exported.graph)


# mmengine counts FLOPs so
@pytest.mark.filterwarnings('ignore::FutureWarning')
def test_a_trace_sees_torchs_own_pool():
    traced = torch.jit.trace(FastMaxPool2d(3, 2, 1), torch.randn(1, 2, 8, 8))
    assert 'aten::max_pool2d' in str(traced.graph)


@pytest.mark.parametrize('kind', ['ResNet', 'CeilResNet'])
def test_a_resnet_trains_to_the_same_weights(kind):
    def train(change):
        torch.manual_seed(0)
        backbone = change(MODELS.build(dict(type=kind, depth=18, base_channels=8)))
        backbone.train()
        backbone(torch.randn(2, 3, 41, 36))[-1].square().sum().backward()
        return backbone, [p.grad for p in backbone.parameters()]

    (plain, wanted), (fast, found) = train(lambda backbone: backbone), train(speed_up_max_pool)
    assert all(map(torch.equal, found, wanted))
    assert type(fast.maxpool) is FastMaxPool2d
    assert list(fast.state_dict()) == list(plain.state_dict())
    assert repr(fast.maxpool) == repr(plain.maxpool).replace('MaxPool2d', 'FastMaxPool2d')
