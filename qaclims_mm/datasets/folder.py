"""Anybody's images: a folder and a table of labels."""

import os
import shlex
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from qaclims_mm.datasets.image_level import ImageLevelDataset
from qaclims_mm.datasets.voc12 import palette_of
from qaclims_mm.errors import ConfigError, DataError
from qaclims_mm.registry import DATASETS
from qaclims_mm.schemas import join_problems
from qaclims_mm.schemas.files import image_id_of
from qaclims_mm.schemas.images import SUFFIXES, find_images, path_below
from qaclims_mm.schemas.labels import read_labels
from qaclims_mm.schemas.names import counted, shown_name, shown_text
from qaclims_mm.schemas.project import CLASSES, GAP, LABELS, NOBODY, read_project_tables


def _check_classes(classes: Sequence[str]) -> None:
    if not classes:
        raise ConfigError('there must be at least one class, but there is none.')
    first: dict[str, str] = {}
    for name in classes:
        key = name.replace(' ', '')
        if not key:
            raise ConfigError('a class has an empty name; give it one.')
        if key in first:
            same = name == first[key]
            other = (
                'stands twice' if same else f'and {shown_name(first[key])} differ in blanks alone'
            )
            raise ConfigError(f'class {shown_name(name)} {other}; classes need different names.')
        first[key] = name
    if len(classes) > GAP and classes[GAP] != NOBODY:
        raise ConfigError(
            f'of more than {GAP} classes that at index {GAP} must be {NOBODY}, but is '
            f'{shown_name(classes[GAP])}; its masks would be of the value that does not count.'
        )


def _mend_of(project: str | None) -> str:
    """Return what to do about a config that is for another number of classes."""
    if project is None:
        return 'Correct num_classes or the classes.'
    command = shlex.join(['qaclims', 'run', project])
    return (
        f'If classes were changed after a run, run: {command}; if a config was edited, correct its '
        'num_classes.'
    )


@DATASETS.register_module()
class FolderWeakDataset(ImageLevelDataset):
    """Images below a folder with the labels of a CSV file.

    Args:
        ann_file: CSV with the columns ``image`` (path below ``img_path``, or an absolute one that
            leads there; its suffix may be left out) and ``labels`` (separated by ``;``, one with a
            ``;`` in quotation marks), relative to ``data_root``.
        classes: Names without the background, in the order of the labels; of more than 254 the
            one at index 254 is ``(nobody)``, see ``schemas.project.with_gap``.
        data_root: Where the paths are relative to.
        data_prefix: ``img_path``, the folder of the images, and ``seg_map_path``, that of masks,
            which is needed for evaluation alone; both below ``data_root``.
        project: Folder of a project, whose tables say all of the above; see ``schemas.project``.
        num_classes: Number of classes that the config's networks are built for, without the
            background; a table of another length is refused. ``None`` checks nothing.
        **kwargs: As in ``ImageLevelDataset``.

    Raises:
        FormatError: If a table is missing or wrong.
        ConfigError: If a class stands twice.
        DataError: If a label is none of the classes, there are not ``num_classes`` of them, or two
            images differ in their suffixes alone.
    """

    def __init__(
        self,
        ann_file: str = '',
        classes: Sequence[str] = (),
        data_root: str = '',
        data_prefix: dict[str, str] | None = None,
        project: str | None = None,
        num_classes: int | None = None,
        **kwargs: Any,
    ) -> None:
        prefix = dict(img_path='', seg_map_path='') | (data_prefix or {})
        self._aliases: Mapping[str, Sequence[str]] = {}
        if project is not None:
            if ann_file or classes or data_prefix:
                raise ConfigError(
                    'a project says where images, labels and classes are; give no ann_file, '
                    'classes or data_prefix beside it.'
                )
            tables = read_project_tables(project)
            ann_file, classes = os.path.abspath(os.path.join(project, LABELS)), tables.classes
            masks = str(tables.masks) if tables.masks else ''
            prefix = dict(img_path=str(tables.images), seg_map_path=masks)
            self._aliases = tables.aliases
        _check_classes(classes)
        if num_classes is not None and len(classes) != num_classes:
            where = 'classes' if project is None else os.path.join(project, CLASSES)
            raise DataError(
                f'{shown_text(where)} has {counted(len(classes), "class")}, but the config is '
                f'for {num_classes}. {_mend_of(project)}'
            )
        metainfo = dict(
            classes=('background', *classes), palette=palette_of(min(len(classes) + 1, 256))
        )
        # mmengine makes data_root of an empty one
        self._has_masks = bool(prefix['seg_map_path'])
        super().__init__(
            ann_file=ann_file,
            metainfo=metainfo,
            data_root=data_root,
            data_prefix=prefix,
            **kwargs,
        )

    def load_data_list(self) -> list[dict]:
        """Return the records of the table; all problems are reported at once."""
        records, problems = [], []
        masks = self.data_prefix['seg_map_path']
        for number, (image, names) in enumerate(read_labels(self.ann_file).items(), start=1):
            try:
                path = self._find(image)
                image_id = image_id_of(path, self.data_prefix['img_path'] or '.')
                mask = f'{masks}/{image_id}.png' if self._has_masks else None
                own = names if self.labelled else ()
                record = self.make_record(image_id, str(path), mask, own)
                present = {name: self._aliases.get(name, ()) for name in record['label_names']}
                records.append(record | dict(label_aliases={n: a for n, a in present.items() if a}))
            except ValueError as error:
                problems.append(f'{self.ann_file}, image {number}: {error}')
        if problems:
            raise DataError(join_problems(problems, 'record', 'cannot be used'))
        return records

    def _find(self, image: str) -> Path:
        """Return the file of an image, which a missing one would have too."""
        folder = Path(self.data_prefix['img_path'])
        image = path_below(image, folder)
        if Path(image).suffix.lower() in SUFFIXES:
            return folder / image
        found = self._files.get(image, [])
        if len(found) > 1:
            several = ', '.join(shown_text(f.name) for f in found)
            raise ValueError(f'image {shown_text(image)} is one of {several}; say which.')
        return found[0] if found else folder / image

    @cached_property
    def _files(self) -> dict[str, list[Path]]:
        """The images below the folder by their ids."""
        folder = Path(self.data_prefix['img_path'] or '.')
        files: dict[str, list[Path]] = {}
        for path in find_images(folder):
            files.setdefault(image_id_of(path, folder), []).append(path)
        return files
