import torch

from qaclims_mm.functional.thresholding import foreground_adaptive_threshold
from qaclims_mm.registry import MODELS


def test_module_is_the_function_with_its_omega():
    cams = torch.rand(3, 1, 5, 5)
    module = MODELS.build(dict(type='ForegroundAdaptiveThreshold', omega=0.6))
    assert torch.equal(module(cams), foreground_adaptive_threshold(cams, 0.6))
    assert not torch.equal(module(cams), foreground_adaptive_threshold(cams, 0.1))
