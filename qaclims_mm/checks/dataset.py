"""Check that a data set is there, and say how to fix what is not."""

import inspect
import os
import re
import shlex
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qaclims_mm.checks.data_sources import OTHER, source_of
from qaclims_mm.checks.weights import Problem
from qaclims_mm.cores import number_of_cores
from qaclims_mm.datasets.image_level import ImageLevelDataset
from qaclims_mm.datasets.transforms.loading import LoadMask, LoadRGBImage
from qaclims_mm.errors import QAClimsError
from qaclims_mm.progress import track
from qaclims_mm.registry import DATASETS
from qaclims_mm.schemas import IGNORE_INDEX, join_problems

SHOWN = 3
# what reading a broken or foreign dataset raises
OF_DATA = (QAClimsError, OSError, ValueError, TypeError, LookupError, AttributeError)


@dataclass(frozen=True)
class DataSet:
    """A data set that configs read.

    Attributes:
        kind: Its class in the registry.
        options: Arguments of the class that say what is read.
        masks: Whether its ground truth masks are read.
    """

    kind: str
    options: dict[str, Any]
    masks: bool


@dataclass
class CheckedSet:
    """What was found of a data set.

    Attributes:
        root: Its folder.
        name: Its list, as in the config.
        classes: Names, without the background.
        images: Number of images that are read; ``None`` if the list cannot be.
        missing: {``images`` or ``masks``: how many are not there}, of what is read.
        labels: {class: number of images with it}; ``None`` if the labels were not read.
        unlabelled: Images of the list without a label, which may be left out.
        problems: What is missing.
    """

    name: str
    root: str = ''
    classes: tuple[str, ...] = ()
    images: int | None = None
    missing: dict[str, int] = field(default_factory=dict)
    labels: Counter[str] | None = None
    unlabelled: int = 0
    problems: list[Problem] = field(default_factory=list)


class _Checker:
    """Checks one data set."""

    def __init__(self, data: DataSet, full: bool) -> None:
        self.data, self.full = data, full
        self.options = dict(data.options)
        self.filter = self.options.pop('filter_cfg', None) or {}
        self.found = CheckedSet(
            str(self.options.get('ann_file', data.kind)), str(self.options.get('data_root', ''))
        )
        self.source = OTHER
        self.names: dict[str, str] = {}

    def add(self, what: str, where: str, mend: str) -> None:
        header, *lines = where.splitlines()
        if lines:  # a count, and what is counted; the folder once
            if self.found.root:
                lines = [line.replace(f'{self.found.root}/', '') for line in lines]
                header = f'{self.found.root}: {header}'
            more = ['  ...'] if len(lines) > SHOWN else []
            where = '\n'.join([header, *lines[:SHOWN], *more])
        mend = re.sub(r'\{(\w+)\}', lambda m: self.names.get(m[1], m[0]), mend)
        self.found.problems.append(Problem(what, where, mend))

    def run(self) -> CheckedSet:
        kind = DATASETS.get(self.data.kind)
        if kind is None:
            mend = 'name the module that registers it in custom_imports of the config'
            self.add('data set', f'{self.data.kind} is not registered', mend)
            return self.found
        self._name(kind)
        try:
            dataset = kind(**self.options, lazy_init=True)
        except OF_DATA as error:
            self.add('data set', _reason(error), self.source.root)
            return self.found
        self.found.root = str(dataset.data_root)
        self.names['images'] = Path(dataset.data_prefix.get('img_path') or '').name
        self.found.classes = tuple((dataset.metainfo.get('classes') or ())[1:])
        if dataset.data_root and not Path(dataset.data_root).is_dir():
            self.add('data set', f'{dataset.data_root} is missing', self.source.root)
            if self.source.list_apart and not Path(dataset.ann_file).is_file():
                self.add('list', f'{dataset.ann_file} is missing', self.source.list)
            return self.found
        records = self._read(kind, dataset)
        if records:
            self._check_files(records)
        return self.found

    def _name(self, kind: type) -> None:
        """Find where the parts of this data set come from, before it is built."""
        default = inspect.signature(kind).parameters.get('data_root')
        root = Path(self.options.get('data_root') or (default and default.default) or '.')
        unpack = f'unpack it, and move its VOCdevkit/VOC2012 to {root}'
        if root.parts[-2:] == ('VOCdevkit', 'VOC2012'):
            target = shlex.quote(str(root.parent.parent))
            unpack = f'unpack it: tar -xf VOCtrainval_11-May-2012.tar -C {target}'
        self.source = source_of(kind, Path(self.found.name).stem)
        places = {n: shlex.quote(str(p)) for n, p in (('root', root), ('parent', root.parent))}
        reproduce = ''
        if self.source.catalogue and root == Path(self.source.place):
            command = f'qaclims reproduce {self.source.catalogue} --download-only'
            reproduce = f'{command} fetches it and whatever else is missing; or '
        self.names = dict(**places, unpack=unpack, reproduce=reproduce)

    def _read(self, kind: type, dataset: Any) -> list[dict]:
        """Return the records, without labels if those cannot be read; add what is wrong."""
        path = Path(dataset.ann_file)
        try:
            records = dataset.load_data_list()
        except OF_DATA as error:
            if not path.is_file():
                self.add('list', f'{path} is missing', self.source.list)
                return []
            self.add('labels', _reason(error), self.source.labels)
            return self._unlabelled(kind)
        dataset.data_list = records
        try:
            records = dataset.filter_data()
        except OF_DATA as error:  # an empty list, or images that stand twice
            self.add('list', _reason(error), f'correct {path}')
        if isinstance(dataset, ImageLevelDataset) and dataset.labelled:
            self.found.labels = Counter(n for r in records for n in r['label_names'])
            self.found.unlabelled = sum(not r['class_indices'] for r in records)
            if broken := [r['broken'] for r in records if 'broken' in r]:
                said = f'cannot be read, of the {len(records)} in {self.found.name}'
                self.add('labels', join_problems(broken, 'label', said), self.source.labels)
        if self.filter.get('filter_empty_gt'):
            return [r for r in records if r.get('class_indices')]
        return records

    def _unlabelled(self, kind: type) -> list[dict]:
        """Return the records without their labels, to look at the images all the same."""
        try:
            return kind(**self.options | dict(labelled=False), lazy_init=True).load_data_list()
        except OF_DATA:  # the list cannot be read without them; it has its row
            return []

    def _check_files(self, records: Sequence[dict]) -> None:
        self.found.images = len(records)
        images = self._check_there('images', 'img_path', records)
        masks = self._check_there('masks', 'seg_map_path', records) if self.data.masks else set()
        if self.full:
            self._open_all([(r, i in masks) for i, r in enumerate(records) if i in images])

    def _check_there(self, what: str, key: str, records: Sequence[dict]) -> set[int]:
        """Return which records have a file; add those that have none."""
        there = {i for i, r in enumerate(records) if os.path.isfile(r.get(key) or '')}
        self.found.missing[what] = len(records) - len(there)
        paths = [str(r.get(key)) for i, r in enumerate(records) if i not in there]
        if paths:
            said = f'are missing, of the {len(records)} in {self.found.name}'
            self.add(what, join_problems(paths, what[:-1], said), getattr(self.source, what))
        return there

    def _open_all(self, records: Sequence[tuple[dict, bool]]) -> None:
        """Open images and, where that is said, their masks."""
        mends = dict(
            images='replace them, or take them off the list',
            masks='a mask is a palette or grey PNG of the size of its image with values from 0 to '
            f'{len(self.found.classes)} and {IGNORE_INDEX}; {self.source.masks}',
        )
        bad: dict[str, list[str]] = {}
        with ThreadPoolExecutor(number_of_cores()) as pool:
            opened = pool.map(_open, records)
            name = f'opening {Path(self.found.name).name}'
            for what, reason in filter(None, track(opened, name, len(records))):
                bad.setdefault(what, []).append(reason)
        for what, reasons in bad.items():
            said = f'cannot be used, of the {len(records)} in {self.found.name}'
            self.add(what, join_problems(reasons, what[:-1], said), mends[what])


def _reason(error: Exception) -> str:
    """Return a message, with the kind of error where it is not one of ours."""
    known = isinstance(error, QAClimsError)
    return str(error) if known else f'{type(error).__name__}: {error}'


def _open(task: tuple[dict, bool]) -> tuple[str, str] | None:
    """Return what of a record cannot be read, and why."""
    results = dict(task[0])
    what = 'images'
    try:
        LoadRGBImage().transform(results)
        if task[1]:
            what = 'masks'
            LoadMask().transform(results)
    except Exception as error:  # Pillow raises what it likes
        return what, _reason(error)
    return None


def check_data_set(data: DataSet, full: bool = False) -> CheckedSet:
    """Check that a data set's list, labels, images and masks are there.

    Args:
        data: The data set.
        full: Whether to open every image and mask too, on all cores.
    """
    return _Checker(data, full).run()
