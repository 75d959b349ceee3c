"""Counting right and wrong pixels over many thresholds at once.

Shapes: n classes of an image, K classes in all, T thresholds, H W pixels.
"""

from typing import NamedTuple

import numpy as np


class PixelCounts(NamedTuple):
    """Pixels that are right ``tp`` and predicted ``pred``, ``(m, T)``, and true ``gt``, ``(m,)``.

    ``classes`` (m,) are mask values: 0 is the background, k + 1 a class. Classes not listed have 0.
    """

    classes: np.ndarray
    tp: np.ndarray
    pred: np.ndarray
    gt: np.ndarray


def count_pixels(
    cams: np.ndarray,
    class_indices: np.ndarray,
    mask: np.ndarray,
    thresholds: np.ndarray,
    ignore_index: int = 255,
) -> PixelCounts:
    """Count, for every threshold, the pixels of each class.

    A pixel belongs to the class of its largest activation if that is above the threshold, else to
    the background; at equality the background wins, among classes the first.

    Args:
        cams: Activations, ``(n, H, W)``; compared as float32.
        class_indices: Their class indices without the background, ``(n,)``.
        mask: Ground truth, ``(H, W)``: 0 background, k + 1, ``ignore_index``.
        thresholds: Ascending, ``(T,)``; compared as float32, as the released evaluation does.
        ignore_index: Value of pixels that do not count.

    Source:
        eval_cam.py of the released code, for all thresholds in one pass.
    """
    number = len(thresholds)
    valid = mask.reshape(-1) != ignore_index
    truth = mask.reshape(-1)[valid].astype(np.int64)
    if len(class_indices):
        best, highest = _highest(cams, valid)
        # a pixel is foreground for the thresholds before this position
        level = np.searchsorted(thresholds.astype(np.float32), highest, side='left')
    else:
        best = level = np.zeros(len(truth), dtype=np.int64)
    winner = (
        np.asarray([*class_indices, 0])[best] + 1 if len(class_indices) else np.zeros_like(truth)
    )
    classes = np.union1d(
        np.unique(truth), np.append(np.asarray(class_indices, dtype=np.int64) + 1, 0)
    )
    counts = PixelCounts(
        classes,
        np.zeros((len(classes), number), dtype=np.int64),
        np.zeros((len(classes), number), dtype=np.int64),
        np.bincount(np.searchsorted(classes, truth), minlength=len(classes)),
    )

    def above(local: np.ndarray, levels: np.ndarray, rows: int) -> np.ndarray:
        """Count for each row and threshold the pixels whose level lies above the threshold."""
        histogram = np.bincount(local * (number + 1) + levels, minlength=rows * (number + 1))
        histogram = histogram.reshape(rows, number + 1)[:, :0:-1]
        return histogram.cumsum(1)[:, ::-1]

    if len(class_indices):
        rows = np.searchsorted(classes, np.asarray(class_indices) + 1)
        counts.pred[rows] = above(best, level, len(class_indices))
        right = winner == truth
        counts.tp[rows] = above(best[right], level[right], len(class_indices))
    background = truth == 0
    foreground_on_background = above(
        np.zeros(int(background.sum()), dtype=np.int64), level[background], 1
    )[0]
    counts.pred[0] = len(truth) - counts.pred[1:].sum(0)
    counts.tp[0] = background.sum() - foreground_on_background
    return counts


def _highest(cams: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first of the highest maps ``(n, H, W)``, n > 0, and its value, at valid pixels.

    It looks at one map after another, since a copy of all would double the memory.
    """
    highest = cams[0].reshape(-1)[valid].astype(np.float32, copy=False)
    best = np.zeros(len(highest), dtype=np.int64)
    for index, one in enumerate(cams[1:], start=1):
        values = one.reshape(-1)[valid].astype(np.float32, copy=False)
        higher = values > highest
        best[higher] = index
        highest[higher] = values[higher]
    return best, highest


def iou(tp: np.ndarray, pred: np.ndarray, gt: np.ndarray) -> np.ndarray:
    """Return TP / (predicted + true - TP); NaN for a class that is neither predicted nor true.

    Args:
        tp: ``(K + 1, T)``.
        pred: ``(K + 1, T)``.
        gt: ``(K + 1,)``.
    """
    union = pred + gt[:, None] - tp
    with np.errstate(invalid='ignore', divide='ignore'):
        return np.where(union > 0, tp / union, np.nan)


def activation_errors(
    tp: np.ndarray, pred: np.ndarray, gt: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return false- and under-activation, means over the classes that are true somewhere.

    False activation is the share of a class's predicted pixels that are not of the class, FP /
    predicted (0 where nothing is predicted); under-activation the share of its true pixels that are
    not predicted, FN / true.

    Args:
        tp: ``(K + 1, T)``.
        pred: ``(K + 1, T)``.
        gt: ``(K + 1,)``.

    Returns:
        Two arrays ``(T,)`` in [0, 1]; NaN without any true foreground.
    """
    rows = np.flatnonzero(gt[1:] > 0) + 1
    if len(rows) == 0:
        return np.full(tp.shape[1], np.nan), np.full(tp.shape[1], np.nan)
    false = (pred[rows] - tp[rows]) / np.maximum(pred[rows], 1)
    under = 1 - tp[rows] / gt[rows, None]
    return false.mean(0), under.mean(0)
