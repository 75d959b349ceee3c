"""How good activation maps are, at every threshold."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dist import all_reduce, barrier, get_rank
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from qaclims_mm.console import Table, new_console
from qaclims_mm.errors import ConfigError, DataError, TrainingError
from qaclims_mm.functional.evaluation import activation_errors, count_pixels, iou
from qaclims_mm.registry import METRICS
from qaclims_mm.schemas.numbers.counts import Counts, read_parts, write_part
from qaclims_mm.schemas.numbers.curve import Curve, write_curve
from qaclims_mm.schemas.work_dir import CURVE, JOURNAL

IMAGES_A_PART = 256


@METRICS.register_module()
class CAMMetric(BaseMetric):
    """Pixel counts per class over all thresholds in one pass; memory does not grow with the images.

    Reports, in percent, ``mIoU`` at the best threshold (and ``best_threshold``), ``mIoU@0.15``, and
    false- and under-activation (see ``functional.evaluation``) at both.

    Args:
        thresholds: Ascending; by default 0.01 to 0.99.
        report_at: Fixed threshold of the report; the released code has 0.15.
        out_file: JSON file for the whole curve and the IoU of every class; by default
            ``curve.json`` in the work dir of the run.
        journal: Folder in which counts are kept, so that a killed run resumes; by default
            ``journal`` in the work dir of the run.
        optional: Whether images without a mask are left out; else they are an error.
        maps: Field of the sample that is judged, ``(n, H, W)`` in [0, 1]: ``cam_high_res``, or a
            refiner's ``refined_maps``.
        prefix: As in ``BaseMetric``.

    Raises:
        DataError: While counting, if a mask and its maps disagree; names the image.
        ConfigError: While counting, if the pipeline reads no masks.
        TrainingError: While counting, if maps have NaN.
    """

    default_prefix = 'cam'

    def __init__(
        self,
        thresholds: Sequence[float] | None = None,
        report_at: float = 0.15,
        out_file: str | None = None,
        journal: str | None = None,
        optional: bool = False,
        maps: str = 'cam_high_res',
        prefix: str | None = None,
    ) -> None:
        super().__init__(prefix=prefix)
        self.optional, self.maps = optional, maps
        self.thresholds = np.asarray(thresholds or [i / 100 for i in range(1, 100)])
        self.report_at, self.out_file = report_at, out_file
        self.journal = Path(journal) if journal else None
        # its thresholds stand in the journal itself
        self.settings = dict(maps=maps)
        self._counts: Counts | None = None
        self._known: frozenset[str] = frozenset()

    def use_work_dir(self, work_dir: str) -> None:
        """Keep curve and counts in the work dir of the run, unless other places were given."""
        self.out_file = self.out_file or str(Path(work_dir) / CURVE)
        self.journal = self.journal or Path(work_dir) / JOURNAL

    @property
    def class_names(self) -> tuple[str, ...]:
        """Class names, the background first."""
        return tuple((self.dataset_meta or {})['classes'])

    @property
    def claimed_folder(self) -> Path | None:
        """The journal."""
        return self.journal

    def begin(self, fingerprint: dict[str, str], image_ids: Sequence[str]) -> None:
        """Read what the journal has counted, which comes again if another evaluator needs it."""
        self.done_ids(image_ids)

    def done_ids(self, image_ids: Sequence[str]) -> set[str]:
        """Return the images that the journal has counted."""
        if self.journal is not None:
            parts = read_parts(self.journal, len(self.class_names), self.thresholds)
            self._known = frozenset(parts.image_ids)
        return set(image_ids) & self._known

    def _new_counts(self) -> Counts:
        return Counts(len(self.class_names), len(self.thresholds))

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Count the pixels of a batch."""
        self._counts = self._counts or self._new_counts()
        for sample in data_samples:
            if sample.get('failed') or sample['image_id'] in self._known:
                continue
            if 'gt_sem_seg' in sample or not self.optional:
                self._add(sample, self._counts)
            elif self.journal is not None:
                # done too, though nothing was counted
                self._counts.image_ids.append(sample['image_id'])
            if len(self._counts.image_ids) >= IMAGES_A_PART:
                self.flush()

    def _add(self, sample: dict, counts: Counts) -> None:
        cams, class_indices, mask = self._checked(sample)
        found = count_pixels(cams, class_indices, mask, self.thresholds)
        if found.classes[-1] >= len(self.class_names):
            raise DataError(
                f'image {sample["image_id"]}: class {found.classes[-1]} is in mask or maps, but '
                f'there are {len(self.class_names)} classes with the background.'
            )
        counts.tp[found.classes] += found.tp
        counts.pred[found.classes] += found.pred
        counts.gt[found.classes] += found.gt
        if self.journal is not None:
            counts.image_ids.append(sample['image_id'])

    def _checked(self, sample: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        name = f'image {sample["image_id"]} ({sample.get("img_path")})'
        if 'gt_sem_seg' not in sample:
            raise ConfigError(f'{name} has no mask; add LoadMask to the test pipeline.')
        mask = sample['gt_sem_seg']['data'][0].cpu().numpy()
        cams = sample[self.maps].float().cpu().numpy()
        if cams.shape[1:] != mask.shape:
            raise DataError(f'{name}: its mask is {mask.shape}, but its maps are {cams.shape[1:]}.')
        if any(np.isnan(one).any() for one in cams):
            raise TrainingError(f'{name}: its maps have NaN; the checkpoint is broken.')
        return cams, sample['cam_class_indices'].cpu().numpy(), mask

    def flush(self) -> None:
        """Write what is counted but not in the journal yet."""
        if self.journal is None:
            return
        if self._counts is not None and self._counts.image_ids:
            write_part(self.journal, self._counts, self.thresholds)
        self._counts = self._new_counts()

    def _total(self) -> Counts:
        """Return the counts of all ranks and of earlier runs; integers, so the sum is exact."""
        if self.journal is not None:
            self.flush()
            barrier()
            return read_parts(self.journal, len(self.class_names), self.thresholds)
        total = self._counts or self._new_counts()
        for name in ('tp', 'pred', 'gt'):
            tensor = torch.from_numpy(getattr(total, name))
            all_reduce(tensor)
            setattr(total, name, tensor.numpy())
        return total

    def evaluate(self, size: int) -> dict[str, float]:
        """Return the report; the same on every rank."""
        total = self._total()
        self._counts = None
        report = self._report(total)
        return {f'{self.prefix}/{k}': v for k, v in report.items()}

    def _report(self, total: Counts) -> dict[str, float]:
        per_class = 100 * iou(total.tp, total.pred, total.gt)
        with np.errstate(all='ignore'):
            curve = (
                np.nanmean(per_class, axis=0)
                if total.gt.sum()
                else np.full(len(self.thresholds), np.nan)
            )
        false, under = (100 * x for x in activation_errors(total.tp, total.pred, total.gt))
        best = int(np.nanargmax(curve)) if not np.isnan(curve).all() else 0
        fixed = int(np.abs(self.thresholds - self.report_at).argmin())
        if get_rank() == 0:
            self._show(per_class, best, fixed)
            if self.out_file:
                self._write_curve(per_class, curve, false, under)
        at = f'@{self.thresholds[fixed]:.2f}'
        return {
            'mIoU': float(curve[best]),
            'best_threshold': float(self.thresholds[best]),
            'false_activation': float(false[best]),
            'under_activation': float(under[best]),
            f'mIoU{at}': float(curve[fixed]),
            f'false_activation{at}': float(false[fixed]),
            f'under_activation{at}': float(under[fixed]),
        }

    def _show(self, per_class: np.ndarray, best: int, fixed: int) -> None:
        if len(self.class_names) > 101:
            return
        table = Table(title='IoU at the best and a fixed threshold, in percent')
        table.add_column('class')
        for index in (best, fixed):
            table.add_column(f'at {self.thresholds[index]:.2f}', justify='right')
        for name, row in zip(self.class_names, per_class, strict=True):
            table.add_row(name, f'{row[best]:.1f}', f'{row[fixed]:.1f}')
        # a log file shows no colours
        console = new_console(width=60, color_system=None)
        with console.capture() as capture:
            console.print(table)
        print_log('\n' + capture.get(), logger='current')

    def _write_curve(
        self, per_class: np.ndarray, curve: np.ndarray, false: np.ndarray, under: np.ndarray
    ) -> None:
        classes = dict(zip(self.class_names, per_class, strict=True))
        errors = dict(false_activation=false, under_activation=under)
        write_curve(str(self.out_file), Curve(self.thresholds, curve, classes, errors))

    def compute_metrics(self, results: list) -> dict:
        """Not used: ``evaluate`` sums counts."""
        return {}
