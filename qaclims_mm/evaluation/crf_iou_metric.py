"""mIoU of a segmentor's masks after a dense CRF."""

import multiprocessing
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_dist_info
from mmseg.evaluation import IoUMetric
from torch import Tensor

from qaclims_mm.cores import number_of_cores
from qaclims_mm.errors import ShortMemoryError
from qaclims_mm.free_memory import free_memory
from qaclims_mm.functional.crf import CRFSettings
from qaclims_mm.functional.crf_labels import crf_labels
from qaclims_mm.registry import METRICS


@METRICS.register_module()
class CRFIoUMetric(IoUMetric):
    """mmseg's ``IoUMetric`` of masks that a dense CRF has refined, on all cores.

    Args:
        crf: Fields of ``CRFSettings`` that differ from those of DeepLabV2.
        workers: Processes of this rank; by default its share of the cores.
        **kwargs: As in ``IoUMetric``.

    Source:
        kazuto1011/deeplab-pytorch (10 steps; 3 at 1 px; 4 at 67 px and 3 grey levels), on the raw
        picture: that repository gives the CRF the picture minus its mean, which wraps around.
    """

    default_prefix = 'crf'

    def __init__(self, crf: dict | None = None, workers: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        deeplab = dict(
            gaussian_xy=1, gaussian_weight=3, bilateral_xy=67, bilateral_rgb=3, bilateral_weight=4
        )
        self.settings = CRFSettings(**(deeplab | (crf or {})))
        self.workers = workers or max(1, number_of_cores() // get_dist_info()[1])
        self._pool: ProcessPoolExecutor | None = None
        self._waiting: deque[tuple[Future, Tensor]] = deque()

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Hand the probabilities of a batch to the processes."""
        if self._pool is None:
            # fork would copy locks that torch's threads hold
            context = multiprocessing.get_context('spawn')
            self._pool = ProcessPoolExecutor(self.workers, mp_context=context)
        for sample in data_samples:
            scores = sample['seg_logits']['data'].float()
            # MeanProbabilityTTA's are probabilities already
            total = scores.sum(0)
            if scores.min() < 0 or not torch.allclose(total, torch.ones_like(total), atol=1e-3):
                scores = scores.softmax(0)
            packed = scores.half().cpu().numpy()
            task = self._pool.submit(labels_of, sample['img_path'], packed, self.settings)
            self._waiting.append((task, sample['gt_sem_seg']['data'].squeeze().cpu()))
            while len(self._waiting) > 2 * self.workers:
                self._count()

    def _count(self) -> None:
        task, label = self._waiting.popleft()
        found = torch.from_numpy(task.result())
        classes = len((self.dataset_meta or {})['classes'])
        self.results.append(self.intersect_and_union(found, label, classes, self.ignore_index))

    def evaluate(self, size: int) -> dict[str, float]:
        """Wait for what is left and return the metrics."""
        while self._waiting:
            self._count()
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
        return super().evaluate(size)


def labels_of(path: str | Path, probabilities: np.ndarray, settings: CRFSettings) -> np.ndarray:
    """Return the labels of an image as ``crf_labels`` does, within the free memory.

    Raises:
        ShortMemoryError: If there is not enough memory; the message names the image.
    """
    try:
        return crf_labels(path, probabilities, settings, free_memory())
    except MemoryError as error:
        raise ShortMemoryError(f'{path}: {error}') from error
