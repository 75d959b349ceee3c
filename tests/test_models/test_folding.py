import gc
import weakref

import pytest
import torch
from torch import nn

from qaclims_mm.models.folding import WinogradConv2d, fold_for_test
from qaclims_mm.registry import MODELS

CPU = torch.device('cpu')


def make_backbone(**changes):
    """Return a ResNet whose batch norms change what they get."""
    torch.manual_seed(0)
    cfg = dict(type='ResNet', depth=18, base_channels=64, strides=(1, 2, 2, 1), dilations=(1,) * 4)
    backbone = MODELS.build(cfg | changes)
    backbone.eval()  # which returns nothing
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.normal_(std=0.1)
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 1.5)
    return backbone


def count(network, kind):
    return sum(type(module) is kind for module in network.modules())


@pytest.mark.parametrize(
    ('changes', 'winograds'),
    [
        (dict(), 7),
        (dict(depth=50), 8),
        (dict(type='ResNetV1c', norm_eval=True), 7),
        (dict(type='CeilResNet', dilations=(1, 1, 2, 4)), 4),
        (dict(base_channels=8), 0),
    ],
    ids=['resnet', 'bottleneck', 'deep-stem', 'dilated', 'narrow'],
)
def test_features_are_equal_up_to_rounding(changes, winograds):
    backbone = make_backbone(**changes)
    state = {k: v.clone() for k, v in backbone.state_dict().items()}
    folded = fold_for_test(backbone, CPU)
    assert (count(folded, nn.BatchNorm2d), count(folded, WinogradConv2d)) == (0, winograds)
    images = torch.randn(2, 3, 49, 66)
    with torch.no_grad():
        pairs = list(zip(folded(images), backbone(images), strict=True))
    for found, wanted in pairs:
        scale = wanted.abs().max()
        torch.testing.assert_close(found / scale, wanted / scale, rtol=0, atol=1e-5)
    # the network itself keeps its weights, their layout and its norms
    assert count(backbone, nn.BatchNorm2d) > 0
    assert all(torch.equal(v, state[k]) for k, v in backbone.state_dict().items())
    assert backbone.layer1[0].conv1.weight.is_contiguous()


def test_new_weights_are_taken_at_once():
    backbone, images = make_backbone(base_channels=8), torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        before = fold_for_test(backbone, CPU)(images)[-1]
        backbone.layer4[1].bn2.bias.add_(1)
        after, wanted = fold_for_test(backbone, CPU)(images)[-1], backbone(images)[-1]
    torch.testing.assert_close(after, wanted)
    assert not torch.allclose(before, after)


def test_the_copy_is_kept_while_nothing_changes():
    backbone = make_backbone(base_channels=8)
    first = fold_for_test(backbone, CPU)
    assert fold_for_test(backbone, CPU) is first
    # another network of equal weights has its own
    assert fold_for_test(make_backbone(base_channels=8), CPU) is not first


def write_in_place(backbone):
    with torch.no_grad():
        backbone.conv1.weight.mul_(2)


def write_past_the_version(backbone):
    # as mmengine's EMA hook does
    backbone.conv1.weight.data.mul_(2)


def load(backbone):
    backbone.load_state_dict({k: 2 * v for k, v in backbone.state_dict().items()})


def move_statistics(backbone):
    backbone.train()
    backbone(torch.randn(4, 3, 32, 32))
    backbone.eval()


def replace_a_weight(backbone):
    backbone.conv1.weight = nn.Parameter(2 * backbone.conv1.weight.detach())


def replace_a_norm(backbone):
    backbone.layer1[0].add_module('bn1', ScaledNorm(8).eval())


def freeze_no_norm(backbone):
    backbone.layer1[0].bn1.train()


def change_precision(backbone):
    backbone.double()


@pytest.mark.parametrize(
    'change',
    [
        write_in_place,
        write_past_the_version,
        load,
        move_statistics,
        replace_a_weight,
        replace_a_norm,
        freeze_no_norm,
        change_precision,
    ],
)
def test_every_change_is_seen(change):
    backbone = make_backbone(base_channels=8)
    before = fold_for_test(backbone, CPU)
    change(backbone)
    folded = fold_for_test(backbone, CPU)
    assert folded is not before
    images = torch.randn(2, 3, 32, 32, dtype=backbone.conv1.weight.dtype)
    with torch.no_grad():
        found, wanted = folded(images)[-1], backbone(images)[-1]
    scale = wanted.abs().max()
    torch.testing.assert_close(found / scale, wanted / scale, rtol=0, atol=1e-5)


def test_autocast_has_a_copy_of_its_own():
    backbone = make_backbone()
    plain = fold_for_test(backbone, CPU)
    with torch.autocast('cpu', torch.bfloat16):
        assert count(fold_for_test(backbone, CPU), WinogradConv2d) == 0
    assert count(plain, WinogradConv2d) == 7


def test_the_copy_goes_with_the_network():
    backbone = make_backbone(base_channels=8)
    kept = weakref.ref(fold_for_test(backbone, CPU))
    del backbone
    gc.collect()
    assert kept() is None


def test_half_precision_has_no_winograd_and_stays_close():
    backbone, images = make_backbone(), torch.randn(1, 3, 64, 64)
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16):
        folded = fold_for_test(backbone, CPU)
        assert (count(folded, nn.BatchNorm2d), count(folded, WinogradConv2d)) == (0, 0)
        found = folded(images)[-1].float()
    with torch.no_grad():
        wanted = backbone(images)[-1]
    assert (found - wanted).abs().max() < 0.05 * wanted.abs().max()


@pytest.mark.parametrize(
    'make',
    [
        lambda: (MODELS.build(dict(type='ResNet', depth=18, base_channels=8)), CPU),
        lambda: (make_backbone(base_channels=8), torch.device('meta')),
        lambda: (nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).eval(), CPU),
    ],
    ids=['training', 'other-device', 'no-resnet'],
)
def test_others_are_returned_themselves(make):
    backbone, device = make()
    assert fold_for_test(backbone, device) is backbone


def test_norms_of_other_kinds_stay():
    backbone = make_backbone(
        base_channels=32, norm_cfg=dict(type='GN', num_groups=4, requires_grad=True)
    )
    folded = fold_for_test(backbone, CPU)
    assert count(folded, nn.GroupNorm) == count(backbone, nn.GroupNorm) > 0
    images = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(folded(images)[-1], backbone(images)[-1])


class ScaledNorm(nn.BatchNorm2d):
    """A norm that does more than normalise."""

    def forward(self, inputs):
        return 2 * super().forward(inputs)


def test_a_norm_that_does_more_is_not_folded():
    backbone, images = make_backbone(base_channels=8), torch.randn(1, 3, 32, 32)
    norm = ScaledNorm(8).eval()
    backbone.layer1[0].add_module('bn1', norm)
    folded = fold_for_test(backbone, CPU)
    assert count(folded, ScaledNorm) == 1
    with torch.no_grad():
        torch.testing.assert_close(folded(images)[-1], backbone(images)[-1])
