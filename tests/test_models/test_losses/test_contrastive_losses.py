import pytest
import torch
from contracts import RegionLossContract, unit

from qaclims_mm.functional import contrastive
from qaclims_mm.registry import MODELS


class TestFRCLoss(RegionLossContract):
    attracted = 'fg'

    def make(self, **options):
        return MODELS.build(dict(type='FRCLoss', **options))


class TestBRCLoss(RegionLossContract):
    attracted = 'bg'

    def make(self, **options):
        return MODELS.build(dict(type='BRCLoss', **options))


@pytest.mark.parametrize('positive', ['exp_mean', 'mean_exp'])
def test_options_reach_the_functions(positive):
    args = unit(3, 8), unit(3, 8, seed=1), unit(3, 4, 8, seed=2)
    frc = MODELS.build(dict(type='FRCLoss', loss_weight=10.0, temperature=0.2))
    expected = 10 * contrastive.frc_loss(*args, temperature=0.2, reduction='sum')
    torch.testing.assert_close(frc(*args), expected)
    brc = MODELS.build(dict(type='BRCLoss', loss_weight=8.0, temperature=0.2, positive=positive))
    expected = 8 * contrastive.brc_loss(*args, temperature=0.2, positive=positive, reduction='sum')
    torch.testing.assert_close(brc(*args), expected)


def test_area_loss_is_the_weighted_mean():
    cams = torch.rand(2, 5, 3, 4)
    loss = MODELS.build(dict(type='REGLoss', loss_weight=0.2))
    torch.testing.assert_close(loss(cams), 0.2 * cams.mean())
