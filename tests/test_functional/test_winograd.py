import pytest
import torch

from qaclims_mm.functional import winograd
from qaclims_mm.functional.winograd import winograd_conv2d, winograd_weight


@pytest.mark.parametrize('size', [(1, 1), (1, 6), (2, 2), (5, 3), (8, 7)])
@pytest.mark.parametrize('tiles', [1, 5, 512])
def test_equals_a_plain_convolution(size, tiles, monkeypatch):
    monkeypatch.setattr(winograd, '_TILES', tiles)
    torch.manual_seed(0)
    images, bias = torch.randn(2, 3, *size, dtype=torch.float64), torch.randn(5).double()
    weight = torch.randn(5, 3, 3, 3, dtype=torch.float64)
    kept = images.clone()
    found = winograd_conv2d(images, winograd_weight(weight), bias)
    wanted = torch.conv2d(images, weight, bias, padding=1)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)
    assert torch.equal(images, kept)


def test_float32_loses_no_more_digits_than_the_sum_itself():
    torch.manual_seed(0)
    images, weight = torch.randn(1, 256, 9, 9), torch.randn(64, 256, 3, 3) / 48
    bias = torch.zeros(64)
    exact = torch.conv2d(images.double(), weight.double(), padding=1)
    found = winograd_conv2d(images, winograd_weight(weight), bias)
    assert (found - exact).abs().max() < 1e-5


def test_channels_last_images_give_channels_last_features():
    images = torch.randn(2, 4, 6, 6).to(memory_format=torch.channels_last)
    found = winograd_conv2d(images, winograd_weight(torch.randn(8, 4, 3, 3)), torch.zeros(8))
    assert found.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize('kernel', [(1, 1), (3, 5), (5, 5)])
def test_other_kernels_are_refused(kernel):
    with pytest.raises(ValueError, match=r'weight must be \(D, C, 3, 3\), but got \(2, 2, '):
        winograd_weight(torch.zeros(2, 2, *kernel))
