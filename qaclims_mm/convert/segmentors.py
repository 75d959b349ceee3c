"""The two segmentors and the weights that their backbones start from."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from qaclims_mm.convert.coverage import OnCoverage, cover, states_of
from qaclims_mm.convert.files import check_free, read_checkpoint, write_checkpoint
from qaclims_mm.convert.networks import resnet_sizes
from qaclims_mm.convert.renaming import Renamed, Rule, rename, size_of

_BLOCK_LAYERS = dict(
    bn_branch2a='norm1',
    conv_branch2a='conv1',
    bn_branch2b1='norm2',
    conv_branch2b1='conv2',
    bn_branch2b2='norm3',
    conv_branch2b2='conv3',
    conv_branch1='shortcut',
)


def _wide_block(match: re.Match[str]) -> str:
    """Name a layer of a block: b4_2.conv_branch2a -> stages.2.2.conv1."""
    stage, block, layer, rest = match.groups()
    return f'backbone.stages.{int(stage) - 2}.{block or 0}.{_BLOCK_LAYERS[layer]}.{rest}'


# The ImageNet weights name the backbone's layers alone, a trained DeepLabV1 below ``backbone.``.
WIDE_RESNET_RULES = (
    Rule(r'(?:linear1000|fc\d*)[._].+', None),
    Rule(r'(?:backbone\.)?conv1a\.(.+)', r'backbone.stem.\1'),
    Rule(r'(?:backbone\.)?bn7\.(.+)', r'backbone.norm.\1'),
    Rule(
        rf'(?:backbone\.)?b(\d)(?:_(\d))?\.({"|".join(_BLOCK_LAYERS)})\.(.+)',
        _wide_block,
    ),
    Rule(r'conv_fov\.(.+)', r'decode_head.convs.0.\1'),
    Rule(r'bn_fov\.(.+)', r'decode_head.convs.1.\1'),
    Rule(r'conv_fov2\.(.+)', r'decode_head.convs.3.\1'),
    Rule(r'bn_fov2\.(.+)', r'decode_head.convs.4.\1'),
    Rule(r'cls_conv\.(.+)', r'decode_head.conv_seg.\1'),
)
_BOTTLENECK = dict(reduce='1', conv3x3='2', increase='3')


def _bottleneck(match: re.Match[str]) -> str:
    """Name a layer of a block: layer2.block1.reduce.conv -> layer1.0.conv1."""
    layer, block, conv, kind, rest = match.groups()
    place = f'backbone.layer{int(layer) - 1}.{int(block) - 1}'
    if conv == 'shortcut':
        return f'{place}.downsample.{dict(conv=0, bn=1)[kind]}.{rest}'
    return f'{place}.{kind}{_BOTTLENECK[conv]}.{rest}'


DEEPLAB_V2_RULES = (
    # DeepLabV1's classifier of COCO, or ImageNet's
    Rule(r'(?:base\.)?fc\..+', None),
    Rule(r'(?:base\.)?layer1\.conv1\.conv\.(.+)', r'backbone.conv1.\1'),
    Rule(r'(?:base\.)?layer1\.conv1\.bn\.(.+)', r'backbone.bn1.\1'),
    Rule(
        r'(?:base\.)?layer([2-5])\.block(\d+)\.(reduce|conv3x3|increase|shortcut)\.(conv|bn)\.(.+)',
        _bottleneck,
    ),
    Rule(r'(?:base\.)?aspp\.c(\d)\.(.+)', r'decode_head.convs.\1.\2'),
)


def _has_head(renamed: Renamed) -> bool:
    return any(name.startswith('decode_head.') for name in renamed.state)


def _kind(renamed: Renamed, name: str) -> str:
    return f'a trained {name}' if _has_head(renamed) else f'the backbone of {name}, without a head,'


def _of_backbone(states: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in states.items() if name.startswith('backbone.')}


def _states(model: dict[str, Any], renamed: Renamed) -> dict[str, Tensor]:
    """Return what a segmentor wants, or its backbone alone if the file has no head."""
    states = states_of(model)
    return states if _has_head(renamed) else _of_backbone(states)


def convert_wide_resnet38(
    source: str | Path,
    out: str | Path,
    force: bool = False,
    on_coverage: OnCoverage = lambda coverage: None,
) -> str:
    """Convert WideResNet-38: ImageNet's weights for its ``init_cfg``, or a trained ``DeepLabV1``.

    Without a head in the file, the names have no ``backbone.``: ``dict(type='Pretrained',
    checkpoint=OUT)`` of the backbone reads them so.

    Args:
        source: ``.pth`` made from the MXNet weights, or a trained DeepLabV1.
        out: Checkpoint to write.
        force: Whether to replace ``out``.
        on_coverage: See ``coverage.cover``.

    Returns:
        What it was: the whole segmentor or its backbone.

    Raises:
        FormatError: If a file cannot be read or its weights are not those of the network.

    Source:
        Names of jiwoon-ahn/psa and YudeWang/semantic-segmentation-codebase.
    """
    check_free(out, force)
    renamed = rename(read_checkpoint(source), WIDE_RESNET_RULES, str(source))
    width = size_of(renamed.state, 'backbone.stem.weight', 0, 64)
    head = dict(
        type='LargeFOVHead',
        in_channels=64 * width,
        channels=size_of(renamed.state, 'decode_head.convs.0.weight', 0, 512),
        num_classes=size_of(renamed.state, 'decode_head.conv_seg.weight', 0, 21),
    )
    model = dict(
        type='DeepLabV1', backbone=dict(type='WideResNet38', width=width), decode_head=head
    )
    state = cover(str(source), _states(model, renamed), renamed, on_coverage)
    if not _has_head(renamed):
        state = {name.removeprefix('backbone.'): value for name, value in state.items()}
    write_checkpoint(out, state, 'wide_resnet38', source)
    return _kind(renamed, 'DeepLabV1')


def convert_deeplab_v2(
    source: str | Path,
    out: str | Path,
    force: bool = False,
    on_coverage: OnCoverage = lambda coverage: None,
) -> str:
    """Convert kazuto1011's ResNet-101 of ImageNet or COCO, or a trained ``DeepLabV2``.

    Without a head in the file, the names keep ``backbone.``: ``dict(type='Pretrained',
    checkpoint=OUT, prefix='backbone.')`` of the backbone reads them so, and a trained DeepLabV2
    just as well.

    Args:
        source: Released ``.pth``.
        out: Checkpoint to write.
        force: Whether to replace ``out``.
        on_coverage: See ``coverage.cover``.

    Returns:
        What it was: the whole segmentor or its backbone.

    Raises:
        FormatError: If a file cannot be read or its weights are not those of the network.

    Source:
        Names of kazuto1011/deeplab-pytorch.
    """
    check_free(out, force)
    renamed = rename(read_checkpoint(source), DEEPLAB_V2_RULES, str(source))
    backbone = resnet_sizes(renamed.state, str(source))
    head = dict(
        type='ASPPSumHead',
        in_channels=32 * backbone['base_channels'],
        num_classes=size_of(renamed.state, 'decode_head.convs.0.weight', 0, 21),
    )
    model = dict(
        type='DeepLabV2',
        backbone=dict(type='CeilResNet', style='caffe', **backbone),
        decode_head=head,
    )
    state = cover(str(source), _states(model, renamed), renamed, on_coverage)
    write_checkpoint(out, state, 'deeplabv2', source)
    return _kind(renamed, 'DeepLabV2')
