import pytest
import torch

from qaclims_mm.registry import MODELS


def test_head_sums_its_dilated_convolutions():
    torch.manual_seed(0)
    head = MODELS.build(
        dict(
            type='ASPPSumHead',
            in_channels=4,
            in_index=0,
            num_classes=3,
            dilations=(1, 2),
            dropout_ratio=0,
        )
    )
    x = torch.randn(1, 4, 9, 9)
    out = head([x])
    for k in range(3):
        # the middle pixel: nine taps of each convolution, at its own distance
        wanted = 0.0
        for conv, d in zip(head.convs, (1, 2), strict=True):
            taps = x[0, :, 4 - d : 5 + d : d, 4 - d : 5 + d : d]
            wanted += (conv.weight[k] * taps).sum().item() + conv.bias[k].item()
        assert out[0, k, 4, 4].item() == pytest.approx(wanted, abs=1e-5)
