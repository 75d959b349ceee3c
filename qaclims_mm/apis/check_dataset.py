"""What a config wants of data sets and weights: what of it is missing, and what mends that.

A new data set is one entry in ``SOURCES``; converted weights are one entry in ``CONVERTED``.
"""

import inspect
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config

from qaclims_mm.apis.plan import read_plan
from qaclims_mm.compat import mend_openmmlab
from qaclims_mm.datasets.coco14 import COCO14WeakDataset
from qaclims_mm.datasets.image_level import ImageLevelDataset, RecordError
from qaclims_mm.datasets.miniworld import MiniWorldDataset
from qaclims_mm.datasets.transforms.loading import LoadMask, LoadRGBImage
from qaclims_mm.datasets.voc12 import VOC12WeakDataset
from qaclims_mm.engine.launch import read_config
from qaclims_mm.paths import SHIPPED, resolve
from qaclims_mm.progress import track
from qaclims_mm.registry import DATASETS
from qaclims_mm.schemas import IGNORE_INDEX, FormatError, join_problems

SHOWN = 3
# what reading a broken or foreign data set raises; a FormatError is a ValueError
OF_DATA = (OSError, ValueError, TypeError, LookupError, AttributeError)


class Problem(NamedTuple):
    """Something that a run will miss.

    Attributes:
        what: ``data set``, ``list``, ``labels``, ``images``, ``masks`` or ``weights``.
        where: Which file or records, and what is wrong with them.
        mend: The command or step that mends it.
    """

    what: str
    where: str
    mend: str


# ------------------------------------------------------------------------- where things come from


@dataclass(frozen=True)
class Source:
    """Where the parts of a data set come from.

    ``{root}`` is its folder, ``{parent}`` the one above that, ``{images}`` that of its images, and
    ``{unpack}`` how VOC's archive gets there.

    Attributes:
        root: All of it.
        list: The list of images.
        labels: The labels of the images.
        images: The images.
        masks: The true masks.
        list_apart: Whether the list does not come with the rest.
    """

    root: str
    list: str
    labels: str
    images: str
    masks: str
    list_apart: bool = False


_OTHER = 'put it there, or correct the path in the config'
OTHER = Source(_OTHER, _OTHER, _OTHER, _OTHER, _OTHER)
_DEVKIT = (
    'fetch http://host.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar (the devkit) '
    'and {unpack}'
)
_SBD = (
    'is of SBD, not of the devkit: unpack benchmark.tgz of https://www2.eecs.berkeley.edu/Research/'
    "Projects/CS/vision/grouping/semantic_contours/ and run mmseg's tools/dataset_converters/"
    'voc_aug.py (in the folder .mim of the installed mmseg) on {parent} and benchmark_RELEASE'
)
VOC = Source(
    root=_DEVKIT,
    list=f'it is in ImageSets/Segmentation of the devkit: {_DEVKIT}',
    labels='take Annotations/*.xml of the devkit, or set labels_file of the data set to a CSV with '
    'the columns image and labels (separated by ;) that has a row for every image',
    images=f'they are in JPEGImages of the devkit: {_DEVKIT}',
    masks=f'they are in SegmentationClass of the devkit: {_DEVKIT}',
)
VOC_AUG = replace(
    VOC,
    list=f'the list of 10582 images {_SBD}, which writes trainaug.txt',
    masks=f'the masks of trainaug {_SBD}, which fills SegmentationClassAug; add those of '
    "SegmentationClass that it lacks and set data_prefix=dict(seg_map_path='SegmentationClassAug')",
    list_apart=True,
)
_VOC_TEST = (
    "fetch VOC2012test.tar from VOC's server (http://host.robots.ox.ac.uk:8080, after registering) "
    'and unpack it over {root}'
)
VOC_TEST = replace(VOC, list=_VOC_TEST, images=_VOC_TEST, list_apart=True)
_COCO_TABLES = (
    'python tools/prepare_coco.py --root {root} (it reads {root}/annotations/instances_*.json of '
    'http://images.cocodataset.org/annotations/annotations_trainval2014.zip)'
)
COCO = Source(
    root='unpack train2014.zip and val2014.zip of http://images.cocodataset.org/zips/ and '
    'annotations_trainval2014.zip of http://images.cocodataset.org/annotations/ in {root}, then '
    'run: python tools/prepare_coco.py --root {root}',
    list=_COCO_TABLES,
    labels=_COCO_TABLES,
    images='unpack http://images.cocodataset.org/zips/{images}.zip in {root}',
    masks=_COCO_TABLES,
)
_DRAW = 'python tools/make_miniworld.py --root {root}'
MINIWORLD = Source(_DRAW, _DRAW, _DRAW, _DRAW, _DRAW)

# the first that a class is or inherits; a part of a list's name picks one that differs
SOURCES: tuple[tuple[type, str, Source], ...] = (
    (MiniWorldDataset, '', MINIWORLD),
    (VOC12WeakDataset, 'aug', VOC_AUG),
    (VOC12WeakDataset, 'test', VOC_TEST),
    (VOC12WeakDataset, '', VOC),
    (COCO14WeakDataset, '', COCO),
)

# {pattern of a file's name: what makes it}; {path} is the file and {folder} the one it is in
CONVERTED = {
    r'clip_\w+_mask-(adapted|prompt)\.safetensors': 'python tools/convert_official.py mask_clip '
    'ovseg_swinbase_vitL14_ft_mpt.pth {folder} (of github.com/facebookresearch/ov-seg)',
    r'wide-resnet38\S*\.pth': 'python tools/convert_official.py wide_resnet38 IN {path} (IN is a '
    ".pth made from MXNet's ilsvrc-cls_rna-a1_cls1000_ep-0001.params)",
    r'deeplabv2\S*\.pth': 'python tools/convert_official.py deeplabv2 deeplabv1_resnet101-coco.pth '
    '{path} (of github.com/kazuto1011/deeplab-pytorch)',
    r'blip\S*': 'python tools/convert_official.py blip model_base_vqa_capfilt_large.pth {path} '
    '--tokenizer FOLDER (of github.com/salesforce/BLIP; FOLDER has the vocab.txt of '
    'bert-base-uncased)',
}


def _source_of(kind: type, list_name: str) -> Source:
    return next(
        (s for known, part, s in SOURCES if issubclass(kind, known) and part in list_name), OTHER
    )


# ------------------------------------------------------------------------------ what configs want


def read_configs(path: str | Path, options: dict | None = None) -> list[Config]:
    """Return a stage's config, or those of a pipeline's stages, each once.

    Args:
        path: The file.
        options: {dotted key: value} that override a stage's values.

    Raises:
        FormatError: If there is no such file, it is of neither, or a pipeline is given options.
    """
    if not Path(path).is_file():
        raise FormatError(f'config {path} does not exist; see configs/ for those that ship.')
    mend_openmmlab()
    # plans call functions of the package, which mmengine would take for a lazy config
    found = Config.fromfile(path, lazy_import=False)
    if 'model' in found:
        return [read_config(str(path), options=options)]
    if 'stages' not in found:
        raise FormatError(f'{path} is the config of neither a stage nor a pipeline; give one.')
    if options:
        raise FormatError(f'{path} is a pipeline, which takes no options; give them to a stage.')
    paths = dict.fromkeys(s.config for s in read_plan(path).stages if s.config)
    return [read_config(p) for p in paths]


@dataclass(frozen=True)
class DataSet:
    """A data set that configs read.

    Attributes:
        kind: Its class in the registry.
        options: Arguments of the class that say what is read.
        masks: Whether its true masks are read.
    """

    kind: str
    options: dict[str, Any]
    masks: bool


# of a data set, but not of what it reads; a list is checked as a whole, whatever the indices
_ASIDE = ('pipeline', 'test_mode', 'strict', 'indices', 'serialize_data', 'lazy_init')


def find_data_sets(configs: Iterable[Config], data_root: str | None = None) -> list[DataSet]:
    """Return the data sets of the configs' loaders, each once.

    Args:
        configs: Of stages.
        data_root: Replaces that of every data set.
    """
    found: dict[str, DataSet] = {}
    for node in (node for cfg in configs for node in _nodes_of(cfg)):
        options = {k: v for k, v in node.items() if k not in _ASIDE}
        if data_root is not None:
            options['data_root'] = data_root
        key = json.dumps(options, sort_keys=True, default=str)
        masks = _reads_masks(node.get('pipeline')) or (key in found and found[key].masks)
        found[key] = DataSet(str(options.pop('type', None)), options, masks)
    return list(found.values())


def _nodes_of(cfg: Config) -> Iterator[dict]:
    """Yield the data sets of a config; those of a training only if it trains."""
    # what does not train may inherit the loader of another data set
    names = ('train', 'val', 'test') if cfg.get('optim_wrapper') else ('test',)
    for name in names:
        loader = cfg.get(f'{name}_dataloader') or {}
        if loader.get('dataset'):
            yield from _inner(loader['dataset'].to_dict())


def _inner(node: dict) -> Iterator[dict]:
    """Yield the data sets inside mmengine's wrappers."""
    wrapped = node.get('datasets') or ([node['dataset']] if 'dataset' in node else [])
    for inner in wrapped:
        yield from _inner(inner)
    if not wrapped:
        yield node


def _reads_masks(node: Any) -> bool:
    """Return whether a pipeline has a ``LoadMask`` of the true masks."""
    if isinstance(node, dict):
        is_one = str(node.get('type')).split('.')[-1] == LoadMask.__name__
        return (is_one and not node.get('masks')) or _reads_masks(list(node.values()))
    return isinstance(node, (list, tuple)) and any(map(_reads_masks, node))


# -------------------------------------------------------------------------------------- data sets


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
            lines = [line.replace(f'{self.found.root}/', '') for line in lines]
            more = ['  ...'] if len(lines) > SHOWN else []
            where = '\n'.join([f'{self.found.root}: {header}', *lines[:SHOWN], *more])
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
            unpack = f'unpack it: tar -xf VOCtrainval_11-May-2012.tar -C {root.parent.parent}'
        self.source = _source_of(kind, Path(self.found.name).stem)
        self.names = dict(root=str(root), parent=str(root.parent), unpack=unpack)

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
            self.found.unlabelled = sum(not r['labels'] for r in records)
        if self.filter.get('filter_empty_gt'):
            return [r for r in records if r.get('labels')]
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
            where = f'{what} of the {len(records)} in {self.found.name} are missing'
            self.add(what, join_problems(paths, where), getattr(self.source, what))
        return there

    def _open_all(self, records: Sequence[tuple[dict, bool]]) -> None:
        """Open images and, where that is said, their masks."""
        mends = dict(
            images='replace them, or take them off the list',
            masks='a mask is a palette or grey PNG of the size of its image with values from 0 to '
            f'{len(self.found.classes)} and {IGNORE_INDEX}; {self.source.masks}',
        )
        bad: dict[str, list[str]] = {}
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            opened = pool.map(_open, records)
            name = f'opening {Path(self.found.name).name}'
            for what, reason in filter(None, track(opened, name, len(records))):
                bad.setdefault(what, []).append(reason)
        for what, reasons in bad.items():
            where = f'{what} of the {len(records)} in {self.found.name} cannot be used'
            self.add(what, join_problems(reasons, where), mends[what])


def _reason(error: Exception) -> str:
    """Return a message, with the kind of error where it is not one of ours."""
    known = isinstance(error, (FormatError, RecordError))
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


# ---------------------------------------------------------------------------------------- weights

THERE, MISSING, FETCHED = 'there', 'missing', 'fetched when first used'


class Weights(NamedTuple):
    """Pretrained weights that a config names.

    Attributes:
        key: Where in the config.
        name: As in the config.
        state: ``there``, ``missing`` or ``fetched when first used``.
    """

    key: str
    name: str
    state: str

    def problem(self) -> Problem | None:
        """Return what mends it, if it is missing."""
        if self.state != MISSING:
            return None
        path = Path(self.name.removeprefix('local-dir:'))
        mend = f'put it there, or correct {self.key} in the config'
        if self.name.startswith(SHIPPED):
            mend = 'python tools/train_miniworld_models.py'
        for pattern, command in CONVERTED.items():
            if re.fullmatch(pattern, path.name):
                mend = command.format(path=path, folder=path.parent)
        return Problem('weights', f'{self.name} ({self.key}) is missing', mend)


def find_weights(configs: Iterable[Config]) -> list[Weights]:
    """Return the pretrained weights of the configs' models and text banks, each once."""
    found: dict[str, Weights] = {}
    for cfg in configs:
        for part in ('model', 'text_bank'):
            for weights in _weights_of((cfg.get(part) or Config()).to_dict(), part):
                found.setdefault(weights.name, weights)
    return list(found.values())


def _weights_of(node: Any, key: str) -> Iterator[Weights]:
    if isinstance(node, dict):
        for name, value in node.items():
            if isinstance(value, str):
                state = _state_of(name, value, str(node.get('type')))
                if state:
                    yield Weights(f'{key}.{name}', value, state)
            else:
                yield from _weights_of(value, f'{key}.{name}')
    elif isinstance(node, (list, tuple)):
        for i, value in enumerate(node):
            yield from _weights_of(value, f'{key}.{i}')


def _state_of(name: str, value: str, owner: str) -> str | None:
    """Return the state of what a key of a config names, ``None`` if that is no weights."""
    if name not in ('checkpoint', 'pretrained', 'mask_prompt', 'model'):
        return None
    if value.startswith(SHIPPED):
        try:
            return THERE if resolve(value) else MISSING
        except FileNotFoundError:
            return MISSING
    if '://' in value or value.startswith('hf-hub:'):
        return FETCHED
    if value.startswith('local-dir:'):
        return _state_at(Path(value.removeprefix('local-dir:')))
    return _state_by_role(name, value, owner)


def _state_by_role(name: str, value: str, owner: str) -> str | None:
    path = Path(value)
    if name == 'mask_prompt' and value == 'random':
        return None
    if name == 'model':
        # open_clip's are names of networks; transformers' are a folder or, unless its first part
        # is a folder here, an id of the hub
        if owner.startswith('CLIP'):
            return None
        if len(path.parts) <= 2 and not Path(path.parts[0]).is_dir():
            return FETCHED
    elif name == 'pretrained' and not path.suffix and len(path.parts) == 1 and not path.exists():
        return FETCHED  # a tag of open_clip
    return _state_at(path)


def _state_at(path: Path) -> str:
    """Return the state of a file, or of a folder, which has some ``config.json``."""
    whole = any(path.glob('*config.json')) if path.is_dir() else path.is_file()
    return THERE if whole else MISSING


# -------------------------------------------------------------------------------------------- all


@dataclass(frozen=True)
class Report:
    """What configs want, and what of it is there."""

    sets: tuple[CheckedSet, ...]
    weights: tuple[Weights, ...]

    @property
    def problems(self) -> list[Problem]:
        """Everything that is missing, each once."""
        found = [p for s in self.sets for p in s.problems]
        found += [p for w in self.weights if (p := w.problem())]
        return list(dict.fromkeys(found))


def check_configs(
    configs: Sequence[Config], data_root: str | None = None, full: bool = False
) -> Report:
    """Check the data sets and weights of configs; what other stages make is not looked at.

    Args:
        configs: Of stages, see ``read_configs``.
        data_root: Replaces that of every data set.
        full: Whether to open every image and mask.
    """
    sets = find_data_sets(configs, data_root)
    return Report(tuple(check_data_set(data, full) for data in sets), tuple(find_weights(configs)))
