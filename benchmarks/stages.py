"""The stages that can be timed."""

from collections.abc import Callable

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

SIZES = ('tiny', 'full')
STAGES: dict[str, Callable[[str, torch.device], Case]] = {
    'qape': qape.build,
    'ritc': ritc.build,
    'texts': texts.build,
    'cam_export': cam_export.build,
    'random_walk': random_walk.build,
    'dense_crf': dense_crf.build,
    'ir_label': ir_label.build,
    'irn_masks': irn_masks.build,
    'cam_metric': cam_metric.build,
    'predict': predict.build,
}
