import pytest
import torch

from qaclims_mm.registry import MODELS


@pytest.mark.parametrize(('side', 'stem'), [(97, 25), (95, 25), (64, 17)])
def test_sizes_are_rounded_up(side, stem):
    backbone = dict(type='CeilResNet', depth=18, base_channels=8, stem_channels=8)
    model = MODELS.build({**backbone, 'out_indices': (0,)})
    [out] = model(torch.rand(1, 3, side, side))
    # stride 2, then a pooling of 3 at stride 2 that rounds up
    assert out.shape[-1] == stem
