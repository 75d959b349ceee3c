"""What all image-level datasets share: records, bad ones too, and early checks."""

import itertools
import random
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

import numpy as np
import torch
from mmcv.transforms import LoadImageFromFile
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log
from mmseg.structures import SegDataSample

from qaclims_mm.datasets.protocols import ClassChecker, ImageReader, RecordChecker
from qaclims_mm.datasets.read_image import UNREADABLE, read_image, unreadable
from qaclims_mm.datasets.samplers import Draw
from qaclims_mm.errors import DataError, FormatError, RecordError
from qaclims_mm.schemas import IGNORE_INDEX, join_problems, problem_of_image_id, shown_name
from qaclims_mm.schemas.names import counted


class ImageLevelDataset(BaseDataset):
    """Images with image-level labels and, for evaluation, masks.

    A record has ``image_id``, ``img_path``, ``seg_map_path`` (or ``None``), ``class_indices``
    (ascending, without the background), ``label_names`` and ``num_classes``, and may have
    ``label_aliases``, {class: other names of it}. A record with ``broken``, the reason, is bad; so
    is one that a transform refuses. A bad record does not end a run: in a test run it becomes a
    sample with ``failed`` set to the reason, in training the next record takes its place and
    carries ``failed_records``; ``FailedRecordsHook`` lists both at the end.

    Subclasses define ``METAINFO`` (``classes`` with the background first, ``palette``) and
    ``load_data_list``, which calls ``make_record``.

    Args:
        strict: Raise at the first bad record.
        filter_cfg: ``dict(filter_empty_gt=True)`` leaves out the images without a label.
        labelled: Whether the images have labels; those of a test server have none.
        **kwargs: As in mmengine's ``BaseDataset``.
    """

    # what mmseg's confusion_matrix.py asks of a data set
    ignore_index, reduce_zero_label = IGNORE_INDEX, False

    def __init__(
        self, *args: Any, strict: bool = False, labelled: bool = True, **kwargs: Any
    ) -> None:
        self.strict, self.labelled = strict, labelled
        super().__init__(*args, **kwargs)

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """Class names without the background; ``metainfo`` copies itself whenever it is read."""
        return tuple(self.metainfo['classes'][1:])

    @cached_property
    def _class_indices(self) -> dict[str, int]:
        return {name.replace(' ', ''): k for k, name in enumerate(self.class_names)}

    def make_record(
        self, image_id: str, img_path: str, seg_map_path: str | None, label_names: Iterable[str]
    ) -> dict:
        """Return a record.

        Raises:
            ValueError: If the id is no path below a folder, or a label is not one of the classes
                (spaces do not count).
        """
        if problem := problem_of_image_id(image_id):
            raise ValueError(f'image {shown_name(image_id)} cannot be used: {problem}')
        known = self._class_indices
        present = set()
        for name in label_names:
            if name.replace(' ', '') not in known:
                raise ValueError(
                    f'label {shown_name(name)} of image {image_id} is none of the '
                    f'{counted(len(known), "class")} ({", ".join(self.class_names[:5])}, ...); '
                    "correct the label or add it to the data set's classes."
                )
            present.add(known[name.replace(' ', '')])
        return dict(
            image_id=image_id,
            img_path=img_path,
            seg_map_path=seg_map_path,
            class_indices=sorted(present),
            label_names=tuple(self.class_names[k] for k in sorted(present)),
            num_classes=len(self.class_names),
        )

    def full_init(self) -> None:
        """Read the list of records, then let every transform that wants to check it do so."""
        if self._fully_initialized:
            return
        super().full_init()
        unlabelled = [
            r['image_id']
            for r in self.iterate_records()
            if not r['class_indices'] and 'broken' not in r
        ]
        if unlabelled and self.labelled:
            print_log(
                f'without a label: {len(unlabelled)} of {counted(len(self), "image")} (first: '
                f'{unlabelled[0]}); such an image trains the area loss only and gets no map.',
                logger='current',
            )
        for transform in self.pipeline.transforms:
            if isinstance(transform, RecordChecker):
                transform.check_records(self.iterate_records())
            if isinstance(transform, ClassChecker):
                transform.check_classes(self.class_names)

    def iterate_records(self) -> Iterable[dict]:
        """Yield the records without reading an image."""
        return (self.get_data_info(i) for i in range(len(self)))

    def read_image(self, record: dict) -> np.ndarray:
        """Return an image as the pipeline reads it, or as it is; RGB uint8 ``(H, W, 3)``.

        Raises:
            RecordError: If it cannot be read by the pipeline.
        """
        return self.reader(record['img_path'])[0]

    @property
    def reader(self) -> Callable[[str], tuple[np.ndarray, Any]]:
        """Function that reads an image file as the pipeline does, which can be pickled."""
        reading = [t.read for t in self.pipeline.transforms if isinstance(t, ImageReader)]
        return reading[0] if reading else read_image

    def image_ids(self) -> list[str]:
        """Return the ids in the order of the dataset."""
        return [r['image_id'] for r in self.iterate_records()]

    def filter_data(self) -> list[dict]:
        """Sort by image id, the order of every file between stages; refuse doubles."""
        records = sorted(super().filter_data(), key=lambda r: r['image_id'])
        if not records:
            raise FormatError(f'{self.ann_file} lists no image.')
        ids = [r['image_id'] for r in records]
        double = sorted({a for a, b in itertools.pairwise(ids) if a == b})
        if double:
            raise FormatError(join_problems(double, 'image', f'stand twice in {self.ann_file}'))
        if (self.filter_cfg or {}).get('filter_empty_gt'):
            return [r for r in records if r['class_indices'] or 'broken' in r]
        return records

    def __getitem__(self, idx: int) -> Any:
        """Return the packed record; a ``Draw`` seeds what its random transforms draw from."""
        if isinstance(idx, Draw):
            # the states that mmcv's and our transforms draw from
            random.seed(idx.seed)
            np.random.seed(idx.seed)  # noqa: NPY002
        return super().__getitem__(idx)

    def prepare_data(self, idx: int) -> Any:
        """Run the pipeline on one record; see the class for what a bad record becomes."""
        failures: list[tuple[str, str]] = []
        for step in range(len(self)):
            # only the records after the first wrap around: iterating ends with an IndexError
            info = self.get_data_info((idx + step) % len(self) if step else idx)
            try:
                packed = self._run_pipeline(info)
            except RecordError as error:
                if self.strict:
                    raise
                if self.test_mode:
                    return self._failed_sample(info, str(error))
                failures.append((info['image_id'], str(error)))
                continue
            if failures:
                packed['data_samples'].set_metainfo(dict(failed_records=failures))
            return packed
        raise DataError(
            join_problems(
                [f'{i}: {why}' for i, why in failures], 'record', 'are bad, and none is left'
            )
        )

    def _run_pipeline(self, info: dict) -> Any:
        """Run the pipeline; mmcv's own loading step raises what Pillow does."""
        if 'broken' in info:
            raise RecordError(info['broken'])
        try:
            return self.pipeline(info)
        except UNREADABLE as error:
            if not isinstance(self.pipeline.transforms[0], LoadImageFromFile):
                raise
            raise unreadable(info['img_path'], error) from error

    def _failed_sample(self, info: dict, reason: str) -> dict:
        sample = SegDataSample(
            metainfo=dict(
                image_id=info['image_id'],
                img_path=info['img_path'],
                label_names=info['label_names'],
                failed=reason,
            )
        )
        sample.set_field(torch.zeros(len(self.class_names)), 'image_labels')
        sample.set_field(torch.zeros(0, dtype=torch.int64), 'class_indices')
        return dict(inputs=torch.from_numpy(np.zeros((3, 1, 1), np.uint8)), data_samples=sample)
