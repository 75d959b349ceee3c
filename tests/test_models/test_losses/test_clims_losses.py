import pytest
import torch
from contracts import unit

from qaclims_mm.functional import clims
from qaclims_mm.registry import MODELS

REGION, TEXT, BG_TEXT = unit(3, 8), unit(3, 8, seed=1), unit(3, 4, 8, seed=2)


@pytest.mark.parametrize('reduction', ['none', 'sum', 'mean'])
def test_options_reach_the_functions(reduction):
    for name, function in (
        ('OTMLoss', clims.object_text_matching),
        ('BTMLoss', clims.background_text_matching),
    ):
        loss = MODELS.build(dict(type=name, loss_weight=10.0, reduction=reduction))
        torch.testing.assert_close(loss(REGION, TEXT), 10 * function(REGION, TEXT, reduction))
    valid = torch.tensor([[1, 0, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1]], dtype=torch.bool)
    loss = MODELS.build(dict(type='CBSLoss', loss_weight=2.0, threshold=0.1, reduction=reduction))
    expected = 2 * clims.background_suppression(REGION, BG_TEXT, valid, 0.1, reduction)
    torch.testing.assert_close(loss(REGION, BG_TEXT, valid), expected)
    assert expected.sum() > 0


def test_defaults_are_those_of_the_released_code():
    """Means over the pairs, but a sum over pairs and texts, from 0.26 on."""
    otm, btm, cbs = (MODELS.build(dict(type=f'{name}Loss')) for name in ('OTM', 'BTM', 'CBS'))
    assert otm.reduction == btm.reduction == 'mean'
    assert cbs.reduction == 'sum'
    assert cbs.threshold == 0.26
