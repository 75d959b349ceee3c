"""MS COCO 2014 with image-level labels."""

import shlex
from pathlib import Path
from typing import Any

from qaclims_mm.datasets.image_level import ImageLevelDataset
from qaclims_mm.datasets.voc12 import palette_of
from qaclims_mm.errors import DataError, FormatError
from qaclims_mm.registry import DATASETS
from qaclims_mm.schemas import file_of, join_problems
from qaclims_mm.schemas.labels import read_instances, read_labels

CLASSES = (
    'background', 'person', 'bicycle', 'car', 'motorcycle', 'airplane', 'bus', 'train', 'truck',
    'boat', 'traffic light', 'fire hydrant', 'stop sign', 'parking meter', 'bench', 'bird', 'cat',
    'dog', 'horse', 'sheep', 'cow', 'elephant', 'bear', 'zebra', 'giraffe', 'backpack', 'umbrella',
    'handbag', 'tie', 'suitcase', 'frisbee', 'skis', 'snowboard', 'sports ball', 'kite',
    'baseball bat', 'baseball glove', 'skateboard', 'surfboard', 'tennis racket', 'bottle',
    'wine glass', 'cup', 'fork', 'knife', 'spoon', 'bowl', 'banana', 'apple', 'sandwich', 'orange',
    'broccoli', 'carrot', 'hot dog', 'pizza', 'donut', 'cake', 'chair', 'couch', 'potted plant',
    'bed', 'dining table', 'toilet', 'tv', 'laptop', 'mouse', 'remote', 'keyboard', 'cell phone',
    'microwave', 'oven', 'toaster', 'sink', 'refrigerator', 'book', 'clock', 'vase', 'scissors',
    'teddy bear', 'hair drier', 'toothbrush',
)  # fmt: skip


@DATASETS.register_module()
class COCO14WeakDataset(ImageLevelDataset):
    """COCO 2014 with the labels of its instances.

    Args:
        ann_file: Table of labels made by ``qaclims prepare-coco`` (ready in a second), or COCO's
            own ``instances_*.json``, relative to ``data_root``.
        data_root: Has the folders of ``data_prefix``.
        labels_file: CSV with the columns ``image`` and ``labels``, relative to ``data_root``, whose
            labels replace those of ``ann_file``.
        data_prefix: ``img_path`` and ``seg_map_path`` below ``data_root``; masks are made by
            ``qaclims prepare-coco``.
        **kwargs: As in ``ImageLevelDataset``.

    Raises:
        FormatError: If the file is missing or broken.
        DataError: If a label is none of the 80 classes.
    """

    METAINFO = dict(classes=CLASSES, palette=palette_of(len(CLASSES)))
    DATA_PREFIX = dict(img_path='train2014', seg_map_path='mask/train2014')

    def __init__(
        self,
        ann_file: str,
        labels_file: str | None = None,
        data_root: str = 'data/coco2014',
        data_prefix: dict[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        self.labels_file = labels_file
        super().__init__(
            ann_file=ann_file,
            data_root=data_root,
            data_prefix=self.DATA_PREFIX | (data_prefix or {}),
            **kwargs,
        )

    def load_data_list(self) -> list[dict]:
        """Return the records; all problems are reported at once."""
        records, problems = [], []
        for image_id, names in self._read_labels().items():
            try:
                record = self.make_record(
                    image_id,
                    str(file_of(self.data_prefix['img_path'], image_id, '.jpg')),
                    str(file_of(self.data_prefix['seg_map_path'], image_id, '.png')),
                    names if self.labelled else (),
                )
            except ValueError as error:
                problems.append(str(error))
            else:
                records.append(record)
        if problems:
            raise DataError(join_problems(problems, 'record', f'are bad in {self.ann_file}'))
        return records

    def _read_labels(self) -> dict[str, list[str]]:
        listed = self._read_list()
        if self.labels_file is None or not self.labelled:
            return listed
        path = Path(self.data_root) / self.labels_file
        labels = read_labels(path)
        missing = [image_id for image_id in listed if image_id not in labels]
        if missing:
            raise DataError(join_problems(missing, 'image', f'have no row in {path}'))
        return {image_id: labels[image_id] for image_id in listed}

    def _read_list(self) -> dict[str, list[str]]:
        if self.ann_file.endswith('.json'):
            return read_instances(self.ann_file).labels()
        if not Path(self.ann_file).is_file():
            raise FormatError(
                f'{self.ann_file} is missing; run: qaclims prepare-coco '
                f'--root {shlex.quote(str(self.data_root))}'
            )
        return read_labels(self.ann_file)
