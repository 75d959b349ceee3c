import pytest
import torch

from qaclims_mm.errors import ConfigError
from qaclims_mm.functional.segment_losses import CostWeights, SetLoss, segments_of, set_losses
from qaclims_mm.registry import MODELS


def test_it_is_the_function_with_its_options():
    torch.manual_seed(0)
    classes, masks = torch.randn(2, 4, 6), torch.randn(2, 4, 5, 7)
    labels = torch.randint(0, 5, (2, 5, 7))
    segments = [segments_of(label, (5, 7)) for label in labels]
    found = MODELS.build(dict(type='MaskSetLoss'))(classes, masks, segments)
    wanted = set_losses(classes, masks, segments)
    assert found == wanted
    options = dict(class_weight=1.0, mask_weight=2.0, dice_weight=3.0, no_object_weight=0.5)
    loss = MODELS.build(dict(type='MaskSetLoss', balanced=False, **options))
    options = SetLoss(CostWeights(1.0, 2.0, 3.0), 0.5, balanced=False)
    wanted = set_losses(classes, masks, segments, options)
    assert loss(classes, masks, segments) == wanted
    assert wanted['loss_mask'] != found['loss_mask']


def test_half_precision_is_computed_in_float32():
    torch.manual_seed(0)
    classes, masks = torch.randn(1, 4, 6).bfloat16(), torch.randn(1, 4, 5, 7).bfloat16()
    segments = [segments_of(torch.randint(0, 5, (5, 7)), (5, 7))]
    loss = MODELS.build(dict(type='MaskSetLoss'))
    for name, value in loss(classes, masks, segments).items():
        assert value.dtype == torch.float32
        assert value == loss(classes.float(), masks.float(), segments)[name]


def test_a_fixed_matching():
    torch.manual_seed(0)
    classes, masks = torch.randn(1, 5, 6), torch.randn(1, 5, 5, 7)
    segments = [segments_of(torch.randint(0, 5, (5, 7)), (5, 7))]
    loss = MODELS.build(dict(type='MaskSetLoss', matching='fixed'))
    assert loss(classes, masks, segments) == set_losses(
        classes, masks, segments, SetLoss(fixed=True)
    )
    with pytest.raises(ConfigError, match=r'5 classes needs a query, .* 4; set .*num_queries=5'):
        loss(classes[:, :4], masks[:, :4], segments)
    with pytest.raises(ValueError, match="matching must be 'best' or 'fixed', but got 'hungarian'"):
        MODELS.build(dict(type='MaskSetLoss', matching='hungarian'))
