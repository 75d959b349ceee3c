import math
from functools import partial

import numpy as np
import pytest
import torch
from contracts import RegionLossContract, unit

from qaclims_mm.functional.contrastive import area_regularization, brc_loss, frc_loss


def naive_frc(region, fg, bg, t):
    """Eq. 6, one pair after the other, with plain exponentials."""
    losses = []
    for x, f, texts in zip(region.tolist(), fg.tolist(), bg.tolist(), strict=True):
        norm = math.sqrt(sum(v * v for v in x))
        sim = lambda text: sum(a * b for a, b in zip(x, text, strict=True)) / norm  # noqa: B023, E731
        positive = math.exp(sim(f) / t)
        losses.append(-math.log(positive / (positive + sum(math.exp(sim(b) / t) for b in texts))))
    return losses


def naive_brc(region, fg, bg, t, positive):
    """Eq. 8 (exp_mean) and the released code's variant (mean_exp)."""
    losses = []
    for x, f, texts in zip(region.tolist(), fg.tolist(), bg.tolist(), strict=True):
        norm = math.sqrt(sum(v * v for v in x))
        sim = lambda text: sum(a * b for a, b in zip(x, text, strict=True)) / norm  # noqa: B023, E731
        sims = [sim(b) for b in texts]
        if positive == 'exp_mean':
            match = math.exp(sum(sims) / len(sims) / t)
        else:
            match = sum(math.exp(s / t) for s in sims) / len(sims)
        losses.append(-math.log(match / (match + math.exp(sim(f) / t))))
    return losses


class TestFRC(RegionLossContract):
    attracted = 'fg'

    def make(self, **options):
        return partial(frc_loss, **options)


class TestBRCMeanExp(RegionLossContract):
    attracted = 'bg'

    def make(self, **options):
        return partial(brc_loss, positive='mean_exp', **options)


class TestBRCExpMean(RegionLossContract):
    attracted = 'bg'

    def make(self, **options):
        return partial(brc_loss, positive='exp_mean', **options)

    def test_unknown_positive(self):
        with pytest.raises(ValueError, match=r"positive must be one of .* but got 'max'"):
            brc_loss(*self.inputs(), positive='max')


@pytest.mark.parametrize('temperature', [0.07, 0.7, 2.0])
@pytest.mark.parametrize('texts', [1, 5])
def test_losses_equal_a_naive_loop(temperature, texts):
    region, fg = 3 * unit(4, 8), 0.8 * unit(4, 8, seed=1)
    bg = 0.9 * unit(4, texts, 8, seed=2)
    frc = frc_loss(region, fg, bg, temperature=temperature, reduction='none')
    np.testing.assert_allclose(frc, naive_frc(region, fg, bg, temperature), rtol=1e-12)
    for positive in ('mean_exp', 'exp_mean'):
        brc = brc_loss(region, fg, bg, None, temperature, positive, 'none')
        np.testing.assert_allclose(
            brc, naive_brc(region, fg, bg, temperature, positive), rtol=1e-12
        )


def test_the_two_brc_positives_differ_with_several_texts_only():
    args = unit(2, 8), unit(2, 8, seed=1), unit(2, 3, 8, seed=2)
    assert brc_loss(*args, positive='mean_exp') < brc_loss(*args, positive='exp_mean')
    single = (args[0], args[1], args[2][:, :1])
    torch.testing.assert_close(
        brc_loss(*single, positive='mean_exp'), brc_loss(*single, positive='exp_mean')
    )


def test_area_is_the_mean_over_all_classes():
    cams = torch.rand(2, 5, 3, 4)
    assert area_regularization(cams).item() == pytest.approx(cams.numpy().mean(), rel=1e-6)


@pytest.mark.goldens
def test_goldens(goldens_dir):
    golden = np.load(goldens_dir / 'losses.npz')
    cases = [str(i) for i in range(golden['n'])] + [f'u{i}' for i in range(golden['n_u'])]
    for case in cases:
        feat = torch.tensor(golden[f'{case}_feat'], requires_grad=True)
        fg, bg = torch.tensor(golden[f'{case}_fg']), torch.tensor(golden[f'{case}_bg'])[None]
        for name, loss in (('frc', frc_loss), ('brc', brc_loss)):
            value = loss(feat, fg, bg, temperature=float(golden[f'{case}_t']))
            (grad,) = torch.autograd.grad(value, feat)
            np.testing.assert_allclose(value.item(), golden[f'{case}_{name}'], atol=1e-5)
            np.testing.assert_allclose(grad, golden[f'{case}_{name}_grad'], atol=1e-5)
