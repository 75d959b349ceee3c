"""From what a stage is made: hashes of its config, of the files it names, and of its images."""

import inspect
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from qaclims_mm.engine.config import read_config
from qaclims_mm.errors import FormatError
from qaclims_mm.paths import SHIPPED, resolve
from qaclims_mm.progress import track
from qaclims_mm.registry import DATASETS
from qaclims_mm.schemas import hash_config, hash_file
from qaclims_mm.schemas.files import is_table, problem_of_file, read_json, write_json
from qaclims_mm.schemas.images import path_below
from qaclims_mm.schemas.labels import read_labels
from qaclims_mm.schemas.project import CLASSES, LABELS, PROJECT, read_project_tables
from qaclims_mm.schemas.stage_folder import Origin
from qaclims_mm.workflow.stage import SEED_OPTION, Stage

# {sub-command: how the parts of a config begin that it does not read}
_UNREAD = {
    'train': ('val_', 'test_'),
    'test': ('val_', 'train_'),
    'ir-label': ('val_', 'train_', 'model'),
}
# {sub-command: all that it reads of a config}
_READ = {'encode-texts': ('text_encoding', 'model')}
_WEIGHTS = ('.pth', '.safetensors')


def read_stage_config(stage: Stage, root: Path) -> dict[str, Any]:
    """Return the config of a stage that has one."""
    place = str(root / stage.name)
    return read_config(
        str(stage.config), place, root=root, masks=stage.masks, labels=stage.labels
    ).to_dict()


def hash_stage_config(stage: Stage, root: Path, config: Mapping[str, Any] | None = None) -> str:
    """Return the hash of a stage's command line and config, and of the weights that it names.

    Args:
        stage: The stage.
        root: Work dir, whose files are made by stages, which have hashes of their own.
        config: Of the stage; by default it is read.
    """
    # as the configs are, so that a copied work dir keeps its hashes
    found: dict[str, Any] = dict(
        command=stage.command,
        args=stage.args,
        checkpoint=stage.checkpoint,
        work_dir=str(root / stage.name),
    )
    if stage.seed_option != SEED_OPTION:
        found['seed_option'] = stage.seed_option
    if stage.config is not None:
        config = dict(read_stage_config(stage, root) if config is None else config)
        if stage.command in _READ:
            # texts do not depend on how long a network is trained
            config = read_part(stage, config)
        if config.get('test_dataloader'):
            # how many images are tested at once changes no file
            loader = config['test_dataloader']
            config['test_dataloader'] = {k: v for k, v in loader.items() if k != 'batch_size'}
        # weights that ship may be trained again under the same name, others converted again
        names = sorted({text for text in _texts_of(config) if text.startswith(SHIPPED)})
        files = [f for name in names for f in _shipped_files(name)]
        named = {Path(t) for t in _texts_of(read_part(stage, config)) if t.endswith(_WEIGHTS)}
        # those of stages have hashes of their own, and come to be while a plan runs
        place = root.absolute()
        files += sorted(f for f in named if f.is_file() and place not in f.absolute().parents)
        found |= dict(config=config, files=[_hash_once(f, *_stamp(f)) for f in files])
    return hash_config(found)


def read_part(stage: Stage, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a stage reads of its config; the rest may come and go."""
    unread, names = _UNREAD.get(stage.command, ()), _READ.get(stage.command, tuple(config))
    read = {k: v for k, v in config.items() if k in names and not k.startswith(unread)}
    if stage.command in _READ and isinstance(read.get('model'), Mapping):
        # the network is none of its business, the place of the texts is
        read['model'] = {'text_bank': read['model'].get('text_bank')}
    return read


def _texts_of(node: Any) -> Iterator[str]:
    """Yield all texts among the values of a config."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, (dict, list, tuple)):
        for value in node.values() if isinstance(node, dict) else node:
            yield from _texts_of(value)


def _shipped_files(name: str) -> list[Path]:
    """Return the file that a name stands for, or all files of its folder.

    A class may have such a name too, so one without a file is left to the stage that reads it.
    """
    try:
        path = Path(resolve(name))
    except FileNotFoundError:
        return []
    return [path] if path.is_file() else sorted(p for p in path.rglob('*') if p.is_file())


def _lists_of(node: Any) -> Iterator[Path]:
    """Yield the lists of images and labels that a config names."""
    if isinstance(node, dict):
        if isinstance(node.get('project'), str):
            yield from (Path(node['project']) / name for name in (PROJECT, CLASSES, LABELS))
        for name in ('ann_file', 'labels_file'):
            if isinstance(node.get(name), str):
                yield Path(node.get('data_root') or '') / node[name]
    if isinstance(node, (dict, list, tuple)):
        for value in node.values() if isinstance(node, dict) else node:
            yield from _lists_of(value)


def _stamp(path: Path) -> tuple[int, int]:
    """Return by what a file that is written again is known."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


@cache
def _hash_once(path: Path, size: int, modified: int) -> str:
    """Return a file's hash; large weights are read once a process."""
    return hash_file(path)


class Fingerprints:
    """Hashes the configs of stages, and the images, masks and labels that they read.

    Images count by their content. A file is read once: the cache knows it by its size and date.

    Args:
        path: File of the cache.
        made: Files and folders that stages make, which have hashes of their own.
    """

    def __init__(self, path: Path, made: Iterable[str] = ()) -> None:
        self.path, self.made = path, [Path(m).absolute() for m in made]
        self._known: dict[str, list] = {}
        if not problem_of_file(path):
            try:
                found = read_json(path)
            except FormatError:
                # it costs nothing but time
                found = {}
            self._known = found if is_table(found, list) else {}
        self._of_folder: dict[tuple, str] = {}
        self._configs: dict[tuple, dict[str, Any]] = {}

    def origin_of(self, stage: Stage, root: Path, seed: int) -> Origin:
        """Return from what a stage would be made now."""
        config: dict[str, Any] = {}
        if stage.config is not None:
            # the variants of a training, and its test, have one file
            key = (stage.config, root)
            if key not in self._configs:
                self._configs[key] = read_stage_config(stage, root)
            config = self._configs[key] | dict(work_dir=str(root / stage.name))
        digest = hash_stage_config(stage, root, config)
        read = read_part(stage, config)
        data, corrected = self._hash_data(read), self._hash_folders(_corrected_of(read))
        return Origin(stage.name, digest, data, seed if stage.seeded else None, _joined(corrected))

    def _hash_data(self, read: Mapping[str, Any]) -> str:
        """Return the hash of what a stage reads of images and labels; '' if it reads none."""
        # a folder in the place of a list is refused by what reads it
        lists = [f for f in _lists_of(read) if f.is_file() and self._is_given(f)]
        hashes = [_hash_once(f, *_stamp(f)) for f in lists]
        return _joined(hashes + self._hash_folders(_folders_of(read)))

    def _hash_folders(self, folders: Iterable[tuple[Path, frozenset[str] | None]]) -> list[str]:
        """Return the hashes of the folders that are there and made by no stage."""
        return [self._hash_files(p, names) for p, names in folders if self._is_given(p)]

    def _is_given(self, path: Path) -> bool:
        """Tell whether a file or folder is there and made by no stage."""
        path = path.absolute()
        return path.exists() and not any(m in (path, *path.parents) for m in self.made)

    def _hash_files(self, folder: Path, names: frozenset[str] | None) -> str:
        """Return the hash of a folder's files, or of those alone whose names are given."""
        key = (folder, names)
        if key not in self._of_folder:
            stamps = {
                name: [s.st_size, s.st_mtime_ns]
                for name, s in _files_below(folder)
                if names is None or name in names or name.rpartition('.')[0] in names
            }
            new = [n for n, s in stamps.items() if self._known.get(f'{folder}/{n}', [])[:2] != s]
            with ThreadPoolExecutor() as pool:
                hashes = pool.map(lambda name: hash_file(folder / name), new)
                shown = track(hashes, f'reading {folder.name}', len(new))
                for name, digest in zip(new, shown, strict=True):
                    self._known[f'{folder}/{name}'] = [*stamps[name], digest]
            if new:
                write_json(self.path, self._known)
            found = {name: self._known[f'{folder}/{name}'][2] for name in stamps}
            self._of_folder[key] = hash_config(found)
        return self._of_folder[key]


def _joined(hashes: Iterable[str]) -> str:
    """Return the hash of hashes in any order, '' of none."""
    found = sorted(hashes)
    return hash_config(dict(data=found)) if found else ''


def _corrected_of(node: Any) -> Iterator[tuple[Path, None]]:
    """Yield the folders of corrected masks, all of whose files count."""
    if isinstance(node, dict) and isinstance(node.get('corrected'), str):
        yield Path(node['corrected']).absolute(), None
    if isinstance(node, (dict, list, tuple)):
        for value in node.values() if isinstance(node, dict) else node:
            yield from _corrected_of(value)


def _folders_of(node: Any) -> Iterator[tuple[Path, frozenset[str] | None]]:
    """Yield the folders of data sets, and which of their files count."""
    if isinstance(node, dict):
        kind = DATASETS.get(node['type']) if isinstance(node.get('type'), str) else None
        if kind is not None and isinstance(node.get('project'), str):
            tables = read_project_tables(node['project'])
            labelled = [
                _below(n, tables.images) for n in read_labels(Path(node['project'], LABELS))
            ]
            names = frozenset(labelled) | {n.rpartition('.')[0] or n for n in labelled}
            yield from ((p, names) for p in (tables.images, tables.masks) if p is not None)
        elif kind is not None:
            root = node.get('data_root') or _default(kind, 'data_root') or ''
            prefix = getattr(kind, 'DATA_PREFIX', None) or _default(kind, 'data_prefix') or {}
            for name in {**prefix, **(node.get('data_prefix') or {})}.values():
                if name:
                    yield Path(root, name).absolute(), None
    if isinstance(node, (dict, list, tuple)):
        for value in node.values() if isinstance(node, dict) else node:
            yield from _folders_of(value)


def _below(image: str, folder: Path) -> str:
    """Return an image's path below a folder; one that lies elsewhere the data set refuses."""
    try:
        return path_below(image, folder)
    except ValueError:
        return image


def _default(kind: type, name: str) -> Any:
    """Return what an argument of a class is if it is not given."""
    found = inspect.signature(kind).parameters.get(name)
    return None if found is None or found.default is found.empty else found.default


def _files_below(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the files below a folder, by their paths below it, sorted; hidden ones are left out."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith('.'))
        for name in sorted(f for f in files if not f.startswith('.')):
            path = Path(place, name)
            yield path.relative_to(folder).as_posix(), path.stat()
