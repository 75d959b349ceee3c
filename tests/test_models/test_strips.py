import pytest
import torch
from torch import nn

from qaclims_mm.models.strips import Reach, map_in_strips, map_within_memory, measure_reach
from qaclims_mm.registry import MODELS


def resnet(**changes):
    torch.manual_seed(0)
    cfg = dict(type='ResNet', depth=18, base_channels=8, strides=(1, 2, 2, 1), dilations=(1,) * 4)
    model = MODELS.build(cfg | changes)
    model.eval()  # which returns nothing
    return (lambda x: model(x)[-1]), model


def sequence(*modules):
    torch.manual_seed(0)
    model = nn.Sequential(*modules).eval()
    return model, model


@pytest.mark.parametrize(
    ('modules', 'stride', 'rows'),
    [
        ([nn.Conv2d(3, 4, 1)], 1, 0),
        ([nn.Conv2d(3, 4, 3, padding=1)], 1, 1),
        ([nn.Conv2d(3, 4, 3, padding=4, dilation=4)], 1, 4),
        ([nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 5, padding=2)], 1, 3),
        ([nn.Conv2d(3, 4, 4, stride=4)], 4, 0),
        # two rows further, of a stride of four
        ([nn.Conv2d(3, 4, 7, stride=2, padding=3), nn.MaxPool2d(3, 2, 1)], 4, 8),
    ],
)
def test_the_reach_of_layers(modules, stride, rows):
    reach = measure_reach(*sequence(*modules))
    assert (reach.stride, reach.rows) == (stride, rows)


def test_the_reach_of_a_resnet_grows_with_its_strides():
    assert measure_reach(*resnet()).stride == 16
    assert measure_reach(*resnet()).rows > measure_reach(*resnet(strides=(1, 2, 1, 1))).rows > 32


class OfAll(nn.Module):
    """Adds what the whole image has, as attention does."""

    def forward(self, x):
        return x + x.mean((2, 3), keepdim=True)


class OfItsPlace(nn.Module):
    """Adds what depends on the row, as windows do that begin at the border."""

    def forward(self, x):
        return x + (torch.arange(x.shape[2]) % 7 == 0)[:, None]


class Blind(nn.Module):
    """Depends on nothing that NaN shows."""

    def forward(self, x):
        return x.nan_to_num()


@pytest.mark.parametrize('kind', [OfAll, OfItsPlace, Blind])
def test_others_have_no_reach(kind):
    assert measure_reach(*sequence(nn.Conv2d(3, 4, 3, padding=1), kind())) is None


@pytest.mark.parametrize(
    'changes',
    [
        dict(),
        dict(depth=50),
        dict(strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4)),
        dict(type='CeilResNet', strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4)),
    ],
    ids=['r18', 'r50', 'dilated', 'ceil'],
)
def test_strips_give_the_map_of_the_whole(changes):
    network, model = resnet(**changes)
    reach = measure_reach(network, model)
    images = torch.randn(2, 3, 613, 40)
    with torch.no_grad():
        wanted = network(images)
        for rows in (7 * reach.stride, 40 * reach.stride):
            found = map_in_strips(network, images, reach, rows)
            assert found.shape == wanted.shape
            torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5 * float(wanted.abs().max()))


def test_a_strip_has_no_more_than_fits():
    seen = []

    def network(images):
        seen.append(images.shape[0] * images.shape[2] * images.shape[3])
        return images[:, :1, ::4, ::4]

    images, reach = torch.randn(2, 3, 1500, 500), Reach(stride=4, rows=16, bytes=100)
    free = 20 * 2**20
    found = map_within_memory(network, images, lambda: reach, free)
    assert torch.equal(found, images[:, :1, ::4, ::4])
    assert len(seen) > 10
    assert max(seen) * reach.bytes <= free / 2
    # the last strips are as large as fits, not smaller
    assert max(seen) * reach.bytes > free / 2 - 2 * 4 * 500 * reach.bytes


@pytest.mark.parametrize(
    ('size', 'reach', 'free'),
    [
        ((2, 3, 1500, 500), Reach(4, 16, 100), 2**30),
        ((2, 3, 1500, 500), None, 1),
        ((2, 3, 100, 100), Reach(4, 16, 100), 1),
    ],
    ids=['enough', 'no-reach', 'small'],
)
def test_other_images_are_mapped_at_once(size, reach, free):
    seen = []
    map_within_memory(lambda x: seen.append(x.shape) or x, torch.zeros(size), lambda: reach, free)
    assert seen == [size]


def test_without_any_memory_a_strip_is_as_high_as_the_reach():
    heights = []

    def network(images):
        heights.append(images.shape[2])
        return images[:, :1, ::4]

    reach = Reach(4, 16, 100)
    map_within_memory(network, torch.zeros(1, 3, 1200, 1000), lambda: reach, 0)
    assert (max(heights), len(heights)) == (16 + 2 * 16, 75)
