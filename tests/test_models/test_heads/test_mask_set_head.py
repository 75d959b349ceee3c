import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from qaclims_mm.errors import ConfigError
from qaclims_mm.functional.segment_losses import segments_of, semantic_logits, set_losses
from qaclims_mm.registry import MODELS


def build(**options):
    return MODELS.build(dict(type='MaskSetHead', num_classes=5, **options))


def predictions(layers=3):
    generator = torch.Generator().manual_seed(0)
    return [
        (torch.randn(2, 4, 6, generator=generator), torch.randn(2, 4, 6, 8, generator=generator))
        for _ in range(layers)
    ]


def samples(size=(24, 32)):
    torch.manual_seed(1)
    masks = torch.randint(0, 5, (2, 1, *size))
    masks[:, :, :4] = 255
    return [SegDataSample(gt_sem_seg=PixelData(data=mask)) for mask in masks]


def test_the_last_prediction_makes_the_logits():
    given = predictions()
    torch.testing.assert_close(build()(given), semantic_logits(*given[-1]))
    assert not list(build().parameters())


def test_each_prediction_has_its_losses():
    given, batch = predictions(), samples()
    losses = build().loss(given, batch)
    segments = [segments_of(s.gt_sem_seg.data[0], (6, 8)) for s in batch]
    names = ('loss_cls', 'loss_mask', 'loss_dice')
    assert list(losses) == [f'{p}{n}' for p in ('d0.', 'd1.', '') for n in names] + ['acc_seg']
    for prefix, (classes, masks) in zip(('d0.', 'd1.', ''), given, strict=True):
        wanted = set_losses(classes, masks, segments)
        for name in names:
            torch.testing.assert_close(losses[prefix + name], wanted[name])


def test_unknown_pixels_are_those_of_the_head():
    batch = samples()
    for sample in batch:
        sample.gt_sem_seg.data[sample.gt_sem_seg.data == 255] = 254
    found = build(ignore_index=254).loss(predictions(), batch)
    wanted = build().loss(predictions(), samples())
    assert found == wanted


def test_options_of_the_loss():
    one = build().loss(predictions(1), samples())
    other = build(loss_decode=dict(type='MaskSetLoss', dice_weight=0.0)).loss(
        predictions(1), samples()
    )
    assert other['loss_dice'] == 0 != one['loss_dice']


def test_another_number_of_classes_is_named():
    with pytest.raises(ConfigError, match=r'num_classes is 5, but the queries have 3 classes'):
        build()([(torch.zeros(1, 4, 4), torch.zeros(1, 4, 6, 8))])
