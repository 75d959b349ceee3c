import pytest
import torch

from qaclims_mm.models.backbones.wide_resnet38 import PreActBlock, PreActBottleneck, WideResNet38
from qaclims_mm.registry import MODELS


def test_output_stride_and_channels():
    model = MODELS.build(dict(type='WideResNet38', width=2))
    [out] = model(torch.rand(1, 3, 65, 96))
    assert out.shape == (1, 128, 9, 12)
    assert out.min() >= 0


@pytest.mark.parametrize(
    'block',
    [PreActBlock(4, 3, 4), PreActBlock(4, 3, 8, stride=2), PreActBottleneck(4, 8, 2, 0.5)],
)
def test_blocks_add_their_branch_to_what_is_kept(block):
    block = block.eval()
    x = torch.randn(1, 4, 9, 9)
    last = getattr(block, 'conv3', block.conv2)
    torch.nn.init.zeros_(last.weight)
    kept = x if block.shortcut is None else block.shortcut(block.norm1(x).relu())
    torch.testing.assert_close(block(x), kept)


def test_statistics_move_slowly():
    momenta = {m.momentum for m in WideResNet38(width=4).modules() if hasattr(m, 'running_mean')}
    assert momenta == {3e-4}
