"""Activation maps and refinement: ``res50_cam.pth``, ``res50_qa_clims.pth``, ``res50_irn.pth``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from qaclims_mm.convert.coverage import OnCoverage, cover, states_of
from qaclims_mm.convert.files import check_free, read_checkpoint, write_checkpoint
from qaclims_mm.convert.renaming import Rule, count_of, rename, size_of
from qaclims_mm.errors import FormatError
from qaclims_mm.schemas.names import counted

# ImageNet's classifier, which torchvision's network brings along
_RESNET = (
    Rule(r'resnet50\.fc\..+', None),
    Rule(r'resnet50\.(.+)', r'backbone.\1'),
    # the first stage begins with the stem: convolution, normalisation, two layers without weights
    Rule(r'(?:stage1|backbone\.0)\.0\.(.+)', r'backbone.conv1.\1'),
    Rule(r'(?:stage1|backbone\.0)\.1\.(.+)', r'backbone.bn1.\1'),
)
CAM_RULES = (
    *_RESNET,
    Rule(r'(?:stage1|backbone\.0)\.4\.(.+)', r'backbone.layer1.\1'),
    *(
        Rule(rf'(?:stage{n}|backbone\.{n - 1})\.0\.(.+)', rf'backbone.layer{n}.\1')
        for n in (2, 3, 4)
    ),
    Rule(r'(?:classifier|newly_added\.0)\.(.+)', r'cam_head.conv.\1'),
)
IRN_RULES = (
    *_RESNET,
    *(
        Rule(rf'(?:stage{n}|backbone\.{n - 1})\.0\.(.+)', rf'backbone.layer{n - 1}.\1')
        for n in (2, 3, 4, 5)
    ),
    *(
        Rule(rf'(?:fc_edge{n}|edge_layers\.{n - 1})\.(.+)', rf'edge_head.branches.{n - 1}.\1')
        for n in range(1, 6)
    ),
    Rule(r'(?:fc_edge6|edge_layers\.5)\.(.+)', r'edge_head.fuse.\1'),
    *(
        Rule(rf'(?:fc_dp{n}|dp_layers\.{n - 1})\.(.+)', rf'displacement_head.branches.{n - 1}.\1')
        for n in range(1, 6)
    ),
    Rule(r'(?:fc_dp6|dp_layers\.5)\.(.+)', r'displacement_head.deep.\1'),
    Rule(r'(?:mean_shift|fc_dp7\.4|dp_layers\.6\.4)\.running_mean', 'displacement_head.mean'),
    Rule(r'(?:fc_dp7|dp_layers\.6)\.(.+)', r'displacement_head.fuse.\1'),
)
_DEPTHS = {6: 50, 23: 101, 36: 152}
_NO_MEAN = (
    'displacement_head.mean is mean_shift.running_mean in the released file: the mean displacement '
    'over the training images, without which every prediction is shifted'
)


def resnet_sizes(state: Mapping[str, Tensor], source: str) -> dict[str, Any]:
    """Return depth and widths of a ResNet with bottlenecks from its weights, under our names.

    Raises:
        FormatError: If it has another number of blocks than any of them.
    """
    blocks = count_of(state, r'backbone\.layer3\.(\d+)\.')
    if blocks and blocks not in _DEPTHS:
        raise FormatError(
            f'{source} has {counted(blocks, "block")} in its third stage; a ResNet of depth 50, '
            f'101 or 152 has one of {sorted(_DEPTHS)}.'
        )
    return dict(
        depth=_DEPTHS.get(blocks, 50),
        stem_channels=size_of(state, 'backbone.conv1.weight', 0, 64),
        base_channels=size_of(state, 'backbone.layer1.0.conv1.weight', 0, 64),
    )


def convert_cam(
    source: str | Path,
    out: str | Path,
    kind: str = 'cam',
    force: bool = False,
    on_coverage: OnCoverage = lambda coverage: None,
) -> None:
    """Convert the baseline classifier or RITC to a checkpoint of ``CAMClassifier`` or ``RITC``.

    Each layer may stand there under several names (``resnet50.*``, ``stage1.*``, ``backbone.0.*``);
    one of them is enough, and all must agree.

    Args:
        source: Released ``.pth``.
        out: Checkpoint to write.
        kind: ``cam`` or ``qa_clims``; both have the same weights.
        force: Whether to replace ``out``.
        on_coverage: See ``coverage.cover``.

    Raises:
        FormatError: If a file cannot be read or its weights are not those of the network.
    """
    check_free(out, force)
    renamed = rename(read_checkpoint(source), CAM_RULES, str(source))
    backbone = resnet_sizes(renamed.state, str(source))
    head = 'cam_head.conv.weight'
    model = dict(
        type='CAMClassifier',
        backbone=dict(type='ResNet', **backbone),
        cam_head=dict(
            type='CAMHead',
            in_channels=32 * backbone['base_channels'],
            num_classes=size_of(renamed.state, head, 0, 20),
        ),
    )
    state = cover(str(source), states_of(model), renamed, on_coverage)
    write_checkpoint(out, state, kind, source)


def convert_irn(
    source: str | Path,
    out: str | Path,
    force: bool = False,
    on_coverage: OnCoverage = lambda coverage: None,
) -> None:
    """Convert IRN to a checkpoint of ``IRNRefiner``.

    Args:
        source: Released ``.pth``.
        out: Checkpoint to write.
        force: Whether to replace ``out``.
        on_coverage: See ``coverage.cover``.

    Raises:
        FormatError: If a file cannot be read or its weights are not those of the network; also if
            it was saved before the mean displacement was known.
    """
    check_free(out, force)
    renamed = rename(read_checkpoint(source), IRN_RULES, str(source))
    state = renamed.state
    backbone = resnet_sizes(state, str(source))
    base = backbone['base_channels']
    stages = dict(
        in_channels=(backbone['stem_channels'], *(4 * base * 2**n for n in range(4))),
        strides=(4, 4, 8, 16, 16),
    )
    widths = tuple(
        size_of(state, f'displacement_head.branches.{n}.0.weight', 0, default)
        for n, default in enumerate((64, 128, 256, 256, 256))
    )
    edge = size_of(state, 'edge_head.branches.0.0.weight', 0, 32)
    model = dict(
        type='IRNRefiner',
        backbone=dict(type='ResNet', **backbone),
        edge_head=dict(type='IRNEdgeHead', channels=edge, **stages),
        displacement_head=dict(type='IRNDisplacementHead', channels=widths, **stages),
    )
    hints = {'displacement_head.mean': _NO_MEAN}
    covered = cover(str(source), states_of(model), renamed, on_coverage, hints)
    write_checkpoint(out, covered, 'irn', source)
