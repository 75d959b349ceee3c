import pytest
import torch
from torch import nn

from qaclims_mm.vlms.vqa import cpu_linear
from qaclims_mm.vlms.vqa.cpu_linear import Int8Linear, PackedLinear, can_pack, replace_linears

packs = pytest.mark.skipif(not can_pack(), reason='this processor multiplies by MKL alone')
SHAPES = [(1, 24), (3, 24), (16, 24), (5, 7, 24), (2, 901, 24), (0, 24)]


def make_linear(bias=True, rows=40):
    torch.manual_seed(0)
    return nn.Linear(24, rows, bias=bias).requires_grad_(False)


@packs
@pytest.mark.parametrize('bias', [True, False])
@pytest.mark.parametrize('shape', SHAPES)
def test_packed_weights_give_the_same_products(shape, bias):
    linear, x = make_linear(bias), torch.randn(shape)
    torch.testing.assert_close(PackedLinear(linear)(x), linear(x), rtol=0, atol=1e-5)


@packs
def test_what_is_packed_need_not_be_in_a_row():
    linear, x = make_linear(), torch.randn(24, 6).T
    assert not x.is_contiguous()
    torch.testing.assert_close(PackedLinear(linear)(x), linear(x), rtol=0, atol=1e-5)


def round_plainly(rows):
    """Round each row by a loop, from the definition."""
    scales = [max(abs(v) for v in row) / 127 or 1.0 for row in rows.tolist()]
    rounded = [[round(v / s) * s for v in r] for r, s in zip(rows.tolist(), scales, strict=True)]
    return torch.tensor(rounded)


@pytest.mark.parametrize('bias', [True, False])
def test_8_bits_are_products_of_rounded_rows(bias):
    linear, x = make_linear(bias), torch.randn(9, 24)
    x[3] = 0
    x[4] *= 1000
    wanted = round_plainly(x) @ round_plainly(linear.weight).T + (linear.bias if bias else 0)
    found = Int8Linear(linear)(x)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    assert not torch.equal(found, linear(x))


@pytest.mark.parametrize('shape', SHAPES)
def test_8_bits_keep_the_shape(shape):
    linear, x = make_linear(), torch.randn(shape)
    found = Int8Linear(linear)(x)
    assert found.shape == linear(x).shape
    torch.testing.assert_close(found, linear(x), rtol=0, atol=0.1)


def test_a_row_does_not_depend_on_the_others():
    layer, x = Int8Linear(make_linear()), torch.randn(9, 24)
    x[0] *= 1e6
    torch.testing.assert_close(layer(x)[1:], layer(x[1:]), rtol=0, atol=0)


@pytest.mark.parametrize('kind', [PackedLinear, Int8Linear])
def test_all_layers_inside_are_replaced(kind):
    network = nn.Sequential(make_linear(), nn.ModuleList([nn.Sequential(nn.LayerNorm(40))]))
    network[1][0].add_module('last', make_linear(rows=3))
    network.embedding = nn.Embedding(3, 24)
    replace_linears(network, kind)
    kinds = [type(m) for m in network.modules()]
    assert kinds.count(kind) == 2
    assert nn.Linear not in kinds
    assert nn.Embedding in kinds
    assert {n for n, _ in network.named_parameters()} == {
        '1.0.0.weight', '1.0.0.bias', 'embedding.weight'
    }  # fmt: skip


@pytest.mark.parametrize(
    ('capability', 'onednn', 'wanted'),
    [
        ('AVX512', True, True),
        ('AVX2', True, True),
        ('DEFAULT', True, False),
        ('AVX2', False, False),
    ],
)
def test_processors_that_gain(monkeypatch, capability, onednn, wanted):
    monkeypatch.setattr(torch.backends.cpu, 'get_cpu_capability', lambda: capability)
    monkeypatch.setattr(torch.backends.mkldnn, 'is_available', lambda: onednn)
    assert cpu_linear.can_pack() is wanted
