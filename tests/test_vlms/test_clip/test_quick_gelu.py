import pytest
import torch
from open_clip.transformer import QuickGELU
from torch import nn

from qaclims_mm.vlms.clip.quick_gelu import FastQuickGELU, speed_up_quick_gelu


@pytest.mark.parametrize('dtype', [torch.float64, torch.float32, torch.bfloat16])
def test_value_and_gradient_are_those_of_open_clip(dtype):
    x = torch.cat([torch.linspace(-30, 30, 301), torch.tensor([-1e4, 0.0, 1e4])]).to(dtype)
    slope = torch.randn(len(x), generator=torch.Generator().manual_seed(0)).to(dtype)
    results = []
    for module in (QuickGELU(), FastQuickGELU()):
        leaf = x.clone().requires_grad_()
        out = module(leaf)
        results.append((out.detach(), *torch.autograd.grad(out, leaf, slope)))
        assert out.dtype == dtype
    tolerance = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 5e-2}[dtype]
    for old, new in zip(*results, strict=True):
        torch.testing.assert_close(new, old, rtol=tolerance, atol=tolerance)


def test_gradcheck():
    x = torch.linspace(-3, 3, 13, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(FastQuickGELU(), x)


def test_all_are_replaced_and_nothing_else():
    model = nn.Sequential(QuickGELU(), nn.ModuleDict(dict(act=QuickGELU(), other=nn.GELU())))
    assert speed_up_quick_gelu(model) is model
    kinds = [type(m) for m in model.modules() if not list(m.children())]
    assert kinds == [FastQuickGELU, FastQuickGELU, nn.GELU]
