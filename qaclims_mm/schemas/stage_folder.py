"""Which stages are done: what a stage's folder says, held against what is there.

A stage's folder has three files. ``run.json`` is its claim: from what it was begun.
``outputs.json``, written when the stage has ended, has its files with their sizes and hashes.
``manifest.json`` follows from the two and comes last; it is what Snakemake looks at.
"""

import contextlib
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from qaclims_mm.errors import FormatError, StageError
from qaclims_mm.schemas.claims import CLAIM, claim_path, read_claim
from qaclims_mm.schemas.files import (
    hash_file,
    is_table,
    json_bytes,
    problem_of_file,
    read_json,
    write_json,
)
from qaclims_mm.schemas.manifest import MANIFEST, Manifest
from qaclims_mm.schemas.run_config import MODES, read_run_config, run_config_path
from qaclims_mm.schemas.work_dir import OUTPUTS
from qaclims_mm.version import __version__

WORK_DIR = '{work_dir}'
_OWN = (MANIFEST, CLAIM, OUTPUTS)
# whose hashes are compared whenever a run begins, since their sizes say nothing
_CHECKED = ('.json',)
# logs of mmengine, and the pointer to a checkpoint, which has an absolute path
_LOGS = re.compile(r'\d{8}_\d{6}(_\d+)?/.*|(.*/)?events\.out\.tfevents\..*|last_checkpoint')


@dataclass(frozen=True)
class Origin:
    """From what a stage is made.

    Attributes:
        stage: Its name.
        config: Hash of its config and command line.
        data: Hash of the images that it reads, '' if it reads none.
        seed: Of a seeded stage.
        corrected: Hash of the corrected masks that it reads, '' if there are none.
    """

    stage: str
    config: str
    data: str = ''
    seed: int | None = None
    corrected: str = ''

    def claim(self, inputs: Mapping[str, str]) -> dict[str, Any]:
        """Return what the folder of the stage is claimed for.

        Args:
            inputs: {name of a stage: hash of its manifest}.
        """
        values = dict(asdict(self), inputs=dict(inputs), version=__version__)
        # most stages read none
        return {k: v for k, v in values.items() if v or k != 'corrected'}


@dataclass
class Outputs:
    """What a stage has made.

    Attributes:
        files: {path: [size in bytes, sha256]}; earlier versions hashed only JSON and weights.
        failed: ``[image_id, reason]`` of the records that were left out.
        status: With which its command has ended.
        made: Files and folders elsewhere that it makes too, as in ``StageFolder.find_files``.
    """

    files: dict[str, list]
    failed: list[list[str]] = field(default_factory=list)
    status: int = 0
    made: list[str] = field(default_factory=list)

    @property
    def megabytes(self) -> float:
        """Size of the files together."""
        return sum(entry[0] for entry in self.files.values()) / 1e6


class StageFolder:
    """The folder of a stage.

    Args:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read_claim(self) -> dict[str, Any]:
        """Return from what the stage was begun; {} if it was not, or if its file is broken."""
        try:
            return read_claim(self.path)
        except FormatError:
            return {}

    @property
    def is_begun(self) -> bool:
        """Whether a run has begun the stage."""
        return claim_path(self.path).is_file()

    @property
    def is_foreign(self) -> bool:
        """Whether it has results, but no run of a plan has begun it, as after ``qaclims test``."""
        return not self.is_begun and self.has_results

    @property
    def has_results(self) -> bool:
        """Whether it has more than a command writes before it begins, such as its config."""
        before = {'classes.csv'}
        for path in (run_config_path(self.path, mode) for mode in MODES):
            with contextlib.suppress(FormatError):
                before |= {path.name, read_run_config(path).file}
        return any(name not in before for name, _ in self.find_files())

    def check_is_ours(self) -> None:
        """Refuse a folder that no run of a plan has begun, as one that was filled by hand.

        Raises:
            StageError: If it has files.
        """
        if self.is_foreign:
            raise StageError(
                f'{self.path} holds files that no run of a plan has made; move it to another '
                f'place, or have it made anew: --force {self.path.name}.'
            )

    def find_files(self, made: Sequence[str] = ()) -> Iterator[tuple[str, Path]]:
        """Yield the files that the stage has made, with the names by which they are known.

        Args:
            made: Files and folders elsewhere that the stage makes too; ``{work_dir}`` in them is
                the folder above that of the stage.
        """
        places = [(m, Path(m.replace(WORK_DIR, str(self.path.parent)))) for m in made]
        for name, place in [('', self.path), *places]:
            for path in [place] if place.is_file() else sorted(place.rglob('*')):
                below = path.relative_to(place).as_posix()
                known = name if path == place else f'{name}/{below}' if name else below
                own = not name and (below in _OWN or _LOGS.fullmatch(below))
                if not own and not path.name.endswith('.tmp') and path.is_file():
                    yield known, path

    def finish(self, status: int, made: Sequence[str] = ()) -> Outputs:
        """Write which files the stage has made; see ``find_files``."""
        failed = {
            tuple(record)
            for path in self.path.glob(f'*/{MANIFEST}')
            for record in Manifest.read(path.parent).failed
        }
        files = {name: _entry(path) for name, path in self.find_files(made)}
        outputs = Outputs(files, [list(f) for f in sorted(failed)], status, list(made))
        write_json(self.path / OUTPUTS, asdict(outputs))
        return outputs

    def read_outputs(self) -> Outputs:
        """Read which files the stage has made.

        Raises:
            FormatError: If it has not ended, or the file is broken.
        """
        path = self.path / OUTPUTS
        if problem_of_file(path) == 'is missing':
            raise FormatError(f'{path} is missing: the stage has not ended; run it.')
        value = read_json(path)
        if not is_table(value, object) or not all(name in value for name in _FIELDS):
            raise FormatError(f'{path} is not {{{", ".join(_FIELDS)}}}; run its stage again.')
        for name, fits in _FIELDS.items():
            if not fits(value[name]):
                raise FormatError(f'{path} is not as it was written ({name}); run its stage again.')
        return Outputs(**{name: value[name] for name in _FIELDS})

    def damaged(self, outputs: Outputs, by_content: bool = False) -> dict[str, str]:
        """Return {file: what is wrong with it} of a stage that has ended, the worst first.

        Args:
            outputs: What the stage has made.
            by_content: Whether the hash of every file is compared; if not, those of JSON alone.
        """
        there = {name: self._path_of(name, outputs.made) for name in outputs.files}
        missing = {name: 'is missing' for name, path in there.items() if not path.is_file()}
        changed = {
            name: 'is not as it was written'
            for name, entry in outputs.files.items()
            if name not in missing and not _is_as_written(there[name], entry, by_content)
        }
        return missing | changed

    def _path_of(self, name: str, made: Sequence[str]) -> Path:
        """Return the file of a name; nothing is looked for where a list of others leads."""
        if any(name == m or name.startswith(f'{m}/') for m in made):
            return Path(name.replace(WORK_DIR, str(self.path.parent)))
        return self.path / name

    def damage(self, outputs: Outputs, by_content: bool = False) -> list[str]:
        """Return what is wrong with the files of a stage that has ended; see ``damaged``."""
        shown = {n: self._path_of(n, outputs.made) if WORK_DIR in n else n for n in outputs.files}
        damaged = self.damaged(outputs, by_content)
        return [f'{shown[name]} {what}' for name, what in damaged.items()]

    def foreign(self, outputs: Outputs, made: Sequence[str] = ()) -> list[str]:
        """Return the files where the stage writes that it has not made; see ``find_files``."""
        return [name for name, _ in self.find_files(made) if name not in outputs.files]

    def write_manifest(self, outputs: Outputs) -> None:
        """Write what follows from the claim and the outputs."""
        self._manifest(outputs).write(self.path)

    def _manifest(self, outputs: Outputs) -> Manifest:
        claim = self.read_claim()
        size = sum(entry[0] for entry in outputs.files.values())
        known = dict(
            data=claim.get('data'),
            seed=claim.get('seed'),
            status=outputs.status,
            outputs=hash_file(self.path / OUTPUTS),
        )
        return Manifest(
            str(claim.get('stage')),
            str(claim.get('config')),
            inputs=claim.get('inputs', {}),
            counts=dict(files=len(outputs.files), bytes=size),
            failed=outputs.failed,
            extra={k: v for k, v in known.items() if v is not None},
            version=str(claim.get('version', __version__)),
        )

    def has_right_manifest(self, outputs: Outputs) -> bool:
        """Tell whether the manifest is what follows from the claim and the outputs."""
        path = self.path / MANIFEST
        return path.is_file() and path.read_bytes() == json_bytes(asdict(self._manifest(outputs)))

    def manifest_hash(self) -> str:
        """Return the hash by which other stages name this one as their input.

        It is that of the manifest as it must be, since the one on the disk may be damaged.

        Raises:
            FormatError: If the stage has not ended.
        """
        manifest = self._manifest(self.read_outputs())
        return hashlib.sha256(json_bytes(asdict(manifest))).hexdigest()


def _is_entry(value: object) -> bool:
    """Tell whether a value is a size, perhaps with a hash."""
    return isinstance(value, list) and [type(v) for v in value] in ([int], [int, str])


# {name: tells whether a value may stand there}
_FIELDS: dict[str, Callable[[Any], bool]] = dict(
    files=lambda v: is_table(v, list) and all(map(_is_entry, v.values())),
    failed=lambda v: isinstance(v, list) and all([*map(type, f)] == [str, str] for f in v),
    status=lambda v: type(v) is int,
    made=lambda v: isinstance(v, list) and all(isinstance(m, str) for m in v),
)


def _entry(path: Path) -> list:
    """Return by what a file is known again: its size and its hash."""
    return [path.stat().st_size, hash_file(path)]


def _is_as_written(path: Path, entry: list, by_content: bool) -> bool:
    # maps and weights are gigabytes, for which no run waits; a flipped digit of JSON is found
    is_hashed = len(entry) > 1 and (by_content or path.suffix in _CHECKED)
    return (_entry(path) if is_hashed else [path.stat().st_size]) == entry[: 1 + is_hashed]


def differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Return in what two claims of a stage differ, in words; '' if they are equal."""
    made, inputs = found.get('inputs') or {}, wanted['inputs']
    names = sorted(n for n in {*made, *inputs} if made.get(n) != inputs.get(n))
    words = dict(
        config='another config', data='other images or labels', corrected='other corrected masks'
    )
    parts = [text for key, text in words.items() if found.get(key) != wanted.get(key)]
    if found.get('seed') != wanted['seed']:
        parts.append(f'seed {found.get("seed")}')
    parts += [f'another {", ".join(names)}'] if names else []
    if found.get('version') != wanted['version']:
        parts.append(f'version {found.get("version")}')
    # a broken claim, which is of nothing
    return ' and '.join(parts) or ('' if is_same(found, wanted) else 'something else')


def is_same(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Tell whether a stage was begun from what it would be made from now."""
    return json.dumps(found, sort_keys=True) == json.dumps(dict(wanted), sort_keys=True)
