import pytest
import torch

from qaclims_mm.models.heads.irn_heads import branch, enlarge
from qaclims_mm.registry import MODELS

STAGES = dict(in_channels=(8, 8, 16, 32, 64), strides=(4, 4, 8, 16, 16))


def stages(size=(33, 41), batch=2):
    """Feature maps of an odd size, so that the upsampled ones must be cropped."""
    sizes = [[-(-s * 4 // stride) for s in size] for stride in STAGES['strides']]
    return [torch.rand(batch, c, *hw) for c, hw in zip(STAGES['in_channels'], sizes, strict=True)]


@pytest.mark.parametrize(('name', 'channels'), [('IRNEdgeHead', 1), ('IRNDisplacementHead', 2)])
def test_heads_give_maps_of_the_second_stage(name, channels):
    torch.manual_seed(0)
    head = MODELS.build(dict(type=name, **STAGES))
    maps = stages()
    out = head(maps)
    assert out.shape == (2, channels, 33, 41)
    # every stage is read
    for number in range(5):
        changed = [m + (i == number) * torch.rand_like(m) for i, m in enumerate(maps)]
        assert (head(changed) - out).abs().max() > 1e-4, number


def test_branches_and_enlarging():
    layer = branch(8, 32, 4)
    assert layer[0].bias is None
    assert layer[1].num_groups == 4
    maps = torch.tensor([[-1.0, 3.0]]).view(1, 1, 1, 2)
    out = enlarge(maps, 2, torch.zeros(1, 1, 1, 3))
    # upsampled first: (-1, 0, 2, 3) a row; then rectified and cropped
    torch.testing.assert_close(out, torch.tensor([[[[0.0, 0.0, 2.0]]]]))
