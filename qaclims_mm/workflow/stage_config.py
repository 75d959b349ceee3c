"""From what config a stage is made: its hash, and that of the files it names."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from qaclims_mm.engine.config import read_config
from qaclims_mm.paths import SHIPPED, resolve
from qaclims_mm.schemas import hash_config, hash_file
from qaclims_mm.schemas.project import CLASSES, LABELS, PROJECT
from qaclims_mm.workflow.plan import Stage

# {tool: what it does not read of a config}
UNREAD = {'train.py': ('val_', 'test_'), 'test.py': ('val_', 'train_')}


def hash_stage_config(stage: Stage, folder: Path, root: Path) -> str:
    """Return the hash of all that a stage's config says, and of the weights and lists it names.

    Args:
        stage: One with a config.
        folder: Of the stage.
        root: Of the pipeline, whose files are made by stages, which have hashes of their own.
    """
    config = read_config(str(stage.config), str(folder), root=root).to_dict()
    # how many images are tested at once changes no file
    (config.get('test_dataloader') or {}).pop('batch_size', None)
    # weights that ship may be trained again under the same name, others converted again
    names = sorted({text for text in _texts_of(config) if text.startswith(SHIPPED)})
    files = [f for name in names for f in _shipped_files(name)]
    # what the tool does not read may come and go
    read = {k: v for k, v in config.items() if not k.startswith(UNREAD.get(stage.tool, ()))}
    named = sorted({f for f in _weights_and_lists(read) if f.is_file()})
    files += [f for f in named if root.absolute() not in f.absolute().parents]
    return hash_config({**config, 'files': [_hash_once(f, *_stamp(f)) for f in files]})


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


def _weights_and_lists(node: Any) -> Iterator[Path]:
    """Yield what a config names of weights on this machine, and the lists of its data sets."""
    if isinstance(node, dict):
        if isinstance(node.get('project'), str):
            yield from (Path(node['project']) / name for name in (PROJECT, CLASSES, LABELS))
        for name in ('ann_file', 'labels_file'):
            if isinstance(node.get(name), str):
                yield Path(node.get('data_root') or '') / node[name]
    if isinstance(node, str) and node.endswith(('.pth', '.safetensors')):
        yield Path(node)
    elif isinstance(node, (dict, list, tuple)):
        for value in node.values() if isinstance(node, dict) else node:
            yield from _weights_and_lists(value)


def _stamp(path: Path) -> tuple[int, int]:
    """Return by what a file that is written again is known."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


@cache
def _hash_once(path: Path, size: int, modified: int) -> str:
    """Return a file's hash; large weights are read once a process."""
    return hash_file(path)
