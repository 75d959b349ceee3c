"""PASCAL VOC 2012 with image-level labels, in the devkit's layout."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from qaclims_mm.datasets.image_level import ImageLevelDataset
from qaclims_mm.errors import DataError, FormatError, RecordError
from qaclims_mm.registry import DATASETS
from qaclims_mm.schemas import file_of, join_problems, voc_palette
from qaclims_mm.schemas.labels import read_labels

CLASSES = (
    'background', 'aeroplane', 'bicycle', 'bird', 'boat', 'bottle', 'bus', 'car', 'cat', 'chair',
    'cow', 'dining table', 'dog', 'horse', 'motorbike', 'person', 'potted plant', 'sheep', 'sofa',
    'train', 'tv monitor',
)  # fmt: skip


def palette_of(number: int) -> list[list[int]]:
    """Return the VOC colours of the first ``number`` classes."""
    flat = voc_palette()
    return [flat[3 * i : 3 * i + 3] for i in range(number)]


@DATASETS.register_module()
class VOC12WeakDataset(ImageLevelDataset):
    """VOC 2012 with the labels of its XML files or of a labels file.

    Args:
        ann_file: List of image ids, one a line, relative to ``data_root``.
        labels_file: CSV with the columns ``image`` and ``labels`` (separated by ``;``), relative to
            ``data_root``; ``None`` reads ``Annotations/<id>.xml``.
        data_root: The folder ``VOC2012``.
        data_prefix: ``img_path``, ``seg_map_path`` and ``xml_path`` below ``data_root``.
        **kwargs: As in ``ImageLevelDataset``.

    Raises:
        FormatError: If the list is missing or not UTF-8.
        DataError: If a label or an XML file is missing or wrong, with file and line. XML that
            cannot be parsed makes a bad record, unless every file is so.
    """

    METAINFO = dict(classes=CLASSES, palette=palette_of(len(CLASSES)))
    DATA_PREFIX = dict(
        img_path='JPEGImages', seg_map_path='SegmentationClass', xml_path='Annotations'
    )

    def __init__(
        self,
        ann_file: str,
        labels_file: str | None = None,
        data_root: str = 'data/VOCdevkit/VOC2012',
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
        """Return the records of the list; all problems are reported at once."""
        labels = None
        if self.labels_file and self.labelled:
            labels = read_labels(Path(self.data_root) / self.labels_file)
        records, problems = [], []
        for line, image_id in self._read_list():
            try:
                records.append(self._read_record(image_id, labels))
            except KeyError:
                problems.append(
                    f'{self.ann_file}:{line}: image {image_id} has no row in {self.labels_file}'
                )
            except ValueError as error:
                problems.append(f'{self.ann_file}:{line}: {error}')
        broken = [record['broken'] for record in records if 'broken' in record]
        if problems or (records and len(broken) == len(records)):
            raise DataError(join_problems(problems or broken, 'record', 'have no usable labels'))
        return records

    def _read_record(self, image_id: str, labels: dict[str, list[str]] | None) -> dict:
        names, reason = list[str](), ''
        try:
            if self.labelled:
                names = self._read_xml(image_id) if labels is None else labels[image_id]
        except RecordError as error:
            reason = str(error)
        record = self.make_record(
            image_id,
            str(file_of(self.data_prefix['img_path'], image_id, '.jpg')),
            self._mask_path(image_id),
            names,
        )
        return record | (dict(broken=reason) if reason else {})

    def _read_list(self) -> Iterator[tuple[int, str]]:
        path = Path(self.ann_file)
        if not path.is_file():
            raise FormatError(f'{path} is missing; ann_file must list one image id a line.')
        try:
            # editors of Windows write a mark at the start
            lines = path.read_text(encoding='utf-8-sig').splitlines()
        except UnicodeDecodeError as error:
            raise FormatError(f'{path} is not UTF-8 ({error}); save it as such.') from error
        for line, text in enumerate(lines, start=1):
            if text.strip():
                # Some lists of the field hold "/JPEGImages/x.jpg /SegmentationClass/x.png".
                yield line, Path(text.split()[0]).stem if '/' in text else text.strip()

    def _mask_path(self, image_id: str) -> str | None:
        folder = self.data_prefix['seg_map_path']
        return str(file_of(folder, image_id, '.png')) if folder else None

    def _read_xml(self, image_id: str) -> list[str]:
        path = file_of(self.data_prefix['xml_path'], image_id, '.xml')
        try:
            root = ElementTree.parse(path).getroot()  # noqa: S314 - the devkit's own files
        except FileNotFoundError:
            raise ValueError(f'{path} is missing; give labels_file instead') from None
        except ElementTree.ParseError as error:
            raise RecordError(f'{path} is not valid XML ({error})') from error
        return [node.text or '' for node in root.findall('object/name')]
