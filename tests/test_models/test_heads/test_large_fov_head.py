import torch

from qaclims_mm.registry import MODELS


def test_head_sees_twelve_cells_around():
    cfg = dict(type='LargeFOVHead', in_channels=4, in_index=0, channels=8, num_classes=3)
    head = MODELS.build(cfg).eval()
    x = torch.zeros(1, 4, 41, 41)
    x[..., 20, 20] = 1
    moved = (head([x]) - head([torch.zeros_like(x)])).abs().amax((0, 1)) > 0
    seen = {(y, x) for y, x in moved.nonzero().tolist()}
    assert seen == {(20 + dy, 20 + dx) for dy in (-12, 0, 12) for dx in (-12, 0, 12)}
