"""A classifier whose maps of an image's quarters must agree with its map of the whole.

Shapes: B images, K classes.
"""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.logging import MessageHub
from torch import Tensor
from torch.nn import functional as F

from qaclims_mm.models.classifiers.cam_classifier import CAMClassifier
from qaclims_mm.models.classifiers.cam_network import stack_labels
from qaclims_mm.registry import MODELS


@MODELS.register_module()
class PuzzleCAM(CAMClassifier):
    """Also classifies by the maps of the four quarters, and compares these with the whole's.

    Args:
        re_weight: Weight of the comparison after the first half of the training, through which it
            rises from 0.
        **kwargs: As in ``CAMNetwork``.

    Source:
        Jo and Yu, Puzzle-CAM: Improved Localization via Matching Partial and Full Features, ICIP
        2021, eq. 4 to 7.
    """

    def __init__(self, re_weight: float = 4.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.re_weight = re_weight

    def loss(self, inputs: Tensor, data_samples: Sequence[Any]) -> dict[str, Tensor]:
        """Return ``loss_cls``, ``loss_pcls`` (soft-margin, in nats) and ``loss_re`` (L1).

        Raises:
            ValueError: If the quarters of an image have no whole number of cells.
        """
        whole, labels = self.logits(inputs), stack_labels(data_samples)
        pieces = join_quarters(self.logits(cut_quarters(inputs)))
        if pieces.shape != whole.shape:
            raise ValueError(
                f'maps of quarters of {tuple(inputs.shape[-2:])} make {tuple(pieces.shape[-2:])} '
                f'cells, but the whole has {tuple(whole.shape[-2:])}; take images of a multiple of '
                "twice the backbone's stride."
            )
        # absent classes need no maps
        difference = (whole - pieces).abs() * labels[..., None, None]
        return dict(
            loss_cls=_classify(whole, labels),
            loss_pcls=_classify(pieces, labels),
            loss_re=self.re_weight * _ramp() * difference.mean(),
        )


def cut_quarters(images: Tensor) -> Tensor:
    """Cut images ``(B, C, H, W)`` into quarters ``(4 B, C, H/2, W/2)``, row by row.

    Raises:
        ValueError: If a side is odd.
    """
    height, width = images.shape[-2:]
    if height % 2 or width % 2:
        raise ValueError(f'images must have even sides to be cut, but are {height} x {width}.')
    rows = images.chunk(2, dim=-2)
    return torch.cat([quarter for row in rows for quarter in row.chunk(2, dim=-1)])


def join_quarters(maps: Tensor) -> Tensor:
    """Undo ``cut_quarters``: ``(4 B, K, p, q)`` to ``(B, K, 2 p, 2 q)``."""
    a, b, c, d = maps.chunk(4)
    return torch.cat([torch.cat([a, b], dim=-1), torch.cat([c, d], dim=-1)], dim=-2)


def _classify(maps: Tensor, labels: Tensor) -> Tensor:
    return F.multilabel_soft_margin_loss(maps.mean(dim=(-2, -1)).float(), labels)


def _ramp() -> float:
    """Return how much of the weight counts now: all of it from the middle of a training on."""
    hub = MessageHub.get_current_instance()
    step, steps = hub.get_info('iter'), hub.get_info('max_iters')
    return 1.0 if step is None or not steps else min(1.0, 2 * step / steps)
