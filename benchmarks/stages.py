"""The stages that can be timed, and what their time grows over."""

from collections.abc import Callable, Sequence
from types import ModuleType

import torch

from benchmarks import (
    cam_export,
    cam_metric,
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
from benchmarks.growth import Axis, Point

SIZES = ('tiny', 'full')
_MODULES: dict[str, ModuleType] = {
    'qape': qape,
    'ritc': ritc,
    'texts': texts,
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
_THOUSANDS = (1000, 4000, 16_000, 64_000)
AXES = {
    'qape': Axis('images', (1, 4, 16, 64)),
    'ritc': Axis('images', (1, 2, 4, 8)),
    'texts': Axis('images', _THOUSANDS),
    'cam_export': Axis('pixels', _THOUSANDS),
    'random_walk': Axis('cells', _THOUSANDS),
    'dense_crf': Axis('pixels', _THOUSANDS),
    'ir_label': Axis('pixels', _THOUSANDS),
    'irn_masks': Axis('pixels', _THOUSANDS),
    'cam_metric': Axis('pixels', _THOUSANDS),
    'predict': Axis('images', (1, 4, 16, 64)),
}
