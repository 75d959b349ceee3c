"""What a folder holds and from what it was made: manifests and config hashes."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas.files import is_table, problem_of_file, read_json, shown_json, write_json
from qaclims_mm.schemas.names import shown_name
from qaclims_mm.version import __version__

SCHEMA_VERSION = 1
MANIFEST = 'manifest.json'
# JSON readers of other languages hold whole numbers up to here
MAX_COUNT = 2**53
# Config keys that change how a run is carried out, not what it makes.
_RUN_ONLY_KEYS = frozenset(
    [
        'work_dir',
        # counts by the paths that configs make of it
        'masks_by',
        'launcher',
        'num_workers',
        'persistent_workers',
        'pin_memory',
        'prefetch_factor',
        'log_level',
        # how the endpoint of a served model is reached
        'server',
        'log_processor',
        'visualizer',
        'vis_backends',
        'default_hooks',
        'custom_hooks',
        'env_cfg',
        'resume',
        'dist_cfg',
        'device',
        'strict',
        'model_wrapper_cfg',
        'custom_imports',
        'out_dir',
        'out_file',
        'journal',
        # a project's tables count, not where the project lies
        'project',
    ]
)


@dataclass
class Manifest:
    """What a stage's folder holds and from what it was made; no dates: equal runs, equal bytes.

    Attributes:
        stage: Name of the stage.
        config_hash: ``hash_config`` of what made it.
        inputs: {name: hash of that input's manifest}.
        counts: {what: how many}.
        failed: ``[image_id, reason]`` of each record that could not be done.
        extra: What a reader of this stage must match (question set, CLIP, ...).
    """

    stage: str
    config_hash: str
    inputs: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    failed: list[list[str]] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    schema: int = SCHEMA_VERSION
    version: str = __version__

    def write(self, folder: str | Path) -> None:
        """Write ``folder/manifest.json``."""
        write_json(Path(folder) / MANIFEST, asdict(self))

    @classmethod
    def read(cls, folder: str | Path) -> 'Manifest':
        """Read ``folder/manifest.json``.

        Raises:
            FormatError: If it is absent, broken or of another schema.
        """
        path = Path(folder) / MANIFEST
        if problem_of_file(path) == 'is missing':
            raise FormatError(_unfinished(path))
        value = read_json(path)
        if not isinstance(value, dict) or (type(value.get('schema')), value.get('schema')) != (
            int,
            SCHEMA_VERSION,
        ):
            schema = f'schema {shown_json(value.get("schema"))}' if isinstance(value, dict) else ''
            raise FormatError(
                f'{path} has {schema or "no schema"}, but this version reads {SCHEMA_VERSION}; '
                'run its stage again.'
            )
        unknown = set(value) - set(cls.__dataclass_fields__)
        if unknown or not {'stage', 'config_hash'} <= set(value):
            named = ', '.join(map(shown_name, sorted(unknown)[:3]))
            raise FormatError(
                f'{path} is no manifest (unknown keys: {named}); run its stage again.'
                if unknown
                else f'{path} is no manifest: it needs stage and config_hash; run its stage again.'
            )
        manifest = cls(**value)
        wrong = manifest._wrong_fields()
        if wrong:
            raise FormatError(
                f'{path} is no manifest ({", ".join(wrong)} not as written); run its stage again.'
            )
        return manifest

    def _wrong_fields(self) -> list[str]:
        """Return the fields that hold something else than what stages write."""
        right = dict(
            stage=isinstance(self.stage, str),
            version=isinstance(self.version, str),
            config_hash=isinstance(self.config_hash, str),
            inputs=is_table(self.inputs, str),
            counts=is_table(self.counts, int)
            # True and False are ints too
            and all(type(n) is int and 0 <= n <= MAX_COUNT for n in self.counts.values()),
            failed=isinstance(self.failed, list)
            and all(
                isinstance(f, list) and [type(v) for v in f] == [str, str] for f in self.failed
            ),
            extra=is_table(self.extra, object),
        )
        return [name for name, good in right.items() if not good]


def _unfinished(path: Path) -> str:
    """Return what a missing manifest means, and what to do."""
    # that module imports this one
    from qaclims_mm.schemas.work_dir import LOGS

    stage = path.parent.parent
    log = stage.parent / LOGS / f'{stage.name}.log'
    known = f' (its log: {log})' if log.is_file() else ''
    return (
        f'{path} is missing: the stage that fills {path.parent} has not finished{known}; run it. '
        'qaclims run makes all stages that a plan lacks.'
    )


def manifest_hash(folder: str | Path) -> str:
    """Return the sha256 of a folder's manifest, by which other stages name it as their input."""
    Manifest.read(folder)
    return hashlib.sha256((Path(folder) / MANIFEST).read_bytes()).hexdigest()


def hash_config(config: Mapping[str, Any]) -> str:
    """Return the sha256 of a config without work_dir, launcher, workers and logging.

    Paths in the ``work_dir`` and in the folder above it are hashed relative to them, so that a
    chain of stages keeps its hashes when it is moved.
    """
    work_dir = Path(config.get('work_dir') or '')
    words = [(str(p), w) for p, w in ((work_dir, '{dir}'), (work_dir.parent, '{root}')) if p.name]

    def keep(node: object) -> object:
        if isinstance(node, Mapping):
            return {
                str(k): keep(v)
                for k, v in sorted(node.items(), key=lambda kv: str(kv[0]))
                if k not in _RUN_ONLY_KEYS
            }
        if isinstance(node, (list, tuple)):
            return [keep(v) for v in node]
        if isinstance(node, str):
            for path, word in words:
                if node == path or node.startswith(f'{path}/'):
                    node = word + node[len(path) :]
                    break
        return node if isinstance(node, (str, int, float, bool, type(None))) else repr(node)

    return hashlib.sha256(json.dumps(keep(config), sort_keys=True).encode()).hexdigest()
