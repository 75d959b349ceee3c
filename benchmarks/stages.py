"""The stages that can be timed, and those that measure how they grow."""

from collections.abc import Callable, Sequence
from types import ModuleType

import torch

from benchmarks import (
    cam_export,
    cam_metric,
    cams,
    dense_crf,
    ir_label,
    irn_masks,
    predict,
    qape,
    random_walk,
    ritc,
    texts,
)
from benchmarks.case import Case
from benchmarks.growth import Point

SIZES = ('tiny', 'full')
_MODULES: dict[str, ModuleType] = {
    'qape': qape,
    'ritc': ritc,
    'texts': texts,
    'cams': cams,
    'cam_export': cam_export,
    'random_walk': random_walk,
    'dense_crf': dense_crf,
    'ir_label': ir_label,
    'irn_masks': irn_masks,
    'cam_metric': cam_metric,
    'predict': predict,
}
STAGES: dict[str, Callable[[str, torch.device], Case]] = {
    name: module.build for name, module in _MODULES.items()
}
GROWTHS: dict[str, Callable[[Sequence[int]], list[Point]]] = {
    name: module.growth for name, module in _MODULES.items() if hasattr(module, 'growth')
}
