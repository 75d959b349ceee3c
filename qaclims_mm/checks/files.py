"""Checking a work folder: is every file between stages whole, and do they fit together?

A new kind of file is one entry in ``PATTERNS`` of ``schemas.work_dir`` and one in ``_CHECKS``; a
new stage whose manifest counts something else than one file an image is one entry in
``CROSS_CHECKS`` of ``checks.counts``.
"""

import math
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from qaclims_mm.checks.counts import CROSS_CHECKS, count_images
from qaclims_mm.checks.stages import check_stage
from qaclims_mm.cores import number_of_cores
from qaclims_mm.errors import ConfigError, FormatError, QAClimsError
from qaclims_mm.schemas import (
    MANIFEST,
    Manifest,
    check_text_bank,
    manifest_hash,
    read_claim,
    read_metrics,
    read_run_config,
    read_shard,
)
from qaclims_mm.schemas.cams import check_cams
from qaclims_mm.schemas.files import json_bytes
from qaclims_mm.schemas.masks import IGNORE_INDEX, check_mask
from qaclims_mm.schemas.names import shown_text
from qaclims_mm.schemas.numbers.counts import read_part
from qaclims_mm.schemas.numbers.curve import read_curve
from qaclims_mm.schemas.numbers.runs import read_runs
from qaclims_mm.schemas.project import CLASSES, read_project_classes
from qaclims_mm.schemas.work_dir import BEFORE, LOG, OUTPUTS, PATTERNS, SNAKEMAKE

# characters of a problem, at most
_LONGEST = 2000
# The stage that makes an input, where it is not called as that.
INPUT_STAGES = {'corpus': 'qape'}


class Checked(NamedTuple):
    """What a check found.

    Attributes:
        problems: One line each, with path and mend.
        size: Height and width of the image that the file belongs to.
        manifest: What was read, of a manifest; ``None`` of that of a whole stage.
        last_class: Highest class index in the file, -1 without a class.
    """

    problems: tuple[str, ...] = ()
    size: tuple[int, int] | None = None
    manifest: Manifest | None = None
    last_class: int = -1


@dataclass(frozen=True)
class FileKind:
    """A kind of file.

    Attributes:
        name: What the report calls it.
        pattern: Regular expression of the whole path, POSIX. A group ``folder`` is the folder of
            its stage, which must have a manifest; a group ``image_id`` is the image it belongs to.
        check: Reads the file; raises ``FormatError``, or returns what it found.
    """

    name: str
    pattern: str
    check: Callable[[Path], Checked]


class FoundFile(NamedTuple):
    """A file and its kind, ``None`` if it is none of ours."""

    path: Path
    kind: FileKind | None


@dataclass
class Report:
    """What is in a folder.

    Attributes:
        files: {kind: number of files}.
        bad: {kind: how many of them have a problem}.
        problems: One line each, with path and mend.
        others: Files of no kind that passes between stages; they were not looked at.
    """

    files: Counter[str] = field(default_factory=Counter)
    bad: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    others: int = 0


# ------------------------------------------------------------------------------------- single files


def _check_left_over(path: Path) -> Checked:
    return Checked(
        (f'{path} is left over from a killed run; delete it, unless a run is writing it now.',)
    )


def _check_shard(path: Path) -> Checked:
    read_shard(path)
    return Checked()


def _check_bank(path: Path) -> Checked:
    check_text_bank(path.parent)
    return Checked()


def _check_cams(path: Path) -> Checked:
    cams = check_cams(path)
    return Checked(size=cams.size, last_class=int(cams.class_indices.max(initial=-1)))


def _check_mask(path: Path) -> Checked:
    mask = check_mask(path)
    height, width = mask.shape
    last = int(mask.max(initial=0, where=mask != IGNORE_INDEX)) - 1
    return Checked(size=(height, width), last_class=last)


def _check_claim(path: Path) -> Checked:
    claim = read_claim(path.parent)
    is_of_stage = (path.parent / OUTPUTS).is_file()
    # its list of files has the hashes of all files but of this one
    if is_of_stage and path.read_bytes() != json_bytes(claim):
        text = f'{path} is not as it was written; restore it, or delete {path.parent} and run its'
        return Checked((f'{text} stage again.',))
    # of a whole stage, its list of files is held against both
    if is_of_stage or not (path.parent / MANIFEST).is_file():
        return Checked()
    made_by = Manifest.read(path.parent).config_hash
    if claim.get('config', made_by) == made_by:
        return Checked()
    return Checked(
        (f'{path} and {MANIFEST} beside it are of different configs; delete {path.parent}.',)
    )


def _check_stage(path: Path) -> Checked:
    return Checked(tuple(check_stage(path.parent)))


def _check_run_config(path: Path) -> Checked:
    read_run_config(path)
    return Checked()


def _check_metrics(path: Path) -> Checked:
    return Checked(
        tuple(
            f'{path} has {value} as {shown_text(name)} of {shown_text(stage)}; look at that run '
            'and test again.'
            for stage, metrics in read_metrics(path).items()
            for name, value in metrics.items()
            if not math.isfinite(value) or ('IoU' in name and not 0 <= value <= 100)
        )
    )


def _check_curve(path: Path) -> Checked:
    read_curve(path)
    return Checked()


def _check_part(path: Path) -> Checked:
    read_part(path)
    return Checked()


def _check_runs(path: Path) -> Checked:
    read_runs(path.parent.parent)
    return Checked()


def _check_manifest(path: Path) -> Checked:
    manifest = Manifest.read(path.parent)
    outputs = path.parent / OUTPUTS
    # of a whole stage, its list of files says what is there
    if outputs.exists():
        return Checked()
    if 'outputs' in manifest.extra:
        return Checked((f'{outputs} is missing; run its stage again.',))
    cross_check = CROSS_CHECKS.get(manifest.stage, count_images)
    try:
        problems = tuple(cross_check(path.parent, manifest))
    except (FormatError, FileNotFoundError):
        # a file that cannot be read is reported as itself
        problems = ()
    return Checked(tuple(f'{path} {p}; run its stage again.' for p in problems), manifest=manifest)


_CHECKS: dict[str, Callable[[Path], Checked]] = {
    'left over': _check_left_over,
    'corpus shard': _check_shard,
    'text bank': _check_bank,
    'activation maps': _check_cams,
    'mask': _check_mask,
    'manifest': _check_manifest,
    'claim': _check_claim,
    'stage': _check_stage,
    'run config': _check_run_config,
    'metrics': _check_metrics,
    'curve': _check_curve,
    'journal': _check_part,
    'runs': _check_runs,
}
KINDS = tuple(FileKind(name, PATTERNS[name], check) for name, check in _CHECKS.items())


# ---------------------------------------------------------------------- manifests and their folders


# ------------------------------------------------------------------------------------ whole folders


def find_files(root: str | Path) -> list[FoundFile]:
    """Return all files below a folder, sorted, each with its kind; a left-over folder as one.

    What Snakemake remembers is left out.

    Raises:
        ConfigError: If a folder cannot be listed.
    """
    found, seen = [], set()
    for folder, folders, names in os.walk(Path(root).absolute(), onerror=_stop, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # a link that leads back
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if name not in (SNAKEMAKE, BEFORE)]
        left_over = [name for name in folders if name.endswith('.tmp')]
        folders[:] = sorted(set(folders) - set(left_over))
        paths = (Path(folder) / name for name in sorted([*names, *left_over]))
        found += [FoundFile(path, _kind_of(path)) for path in paths]
    return found


def _stop(error: OSError) -> None:
    raise ConfigError(
        f'{error.filename} cannot be listed ({error.strerror}); give the folder of a run.'
    ) from error


def _kind_of(path: Path) -> FileKind | None:
    # a stage that is called as a file of another kind has a log of that name
    if re.fullmatch(LOG, path.as_posix(), re.DOTALL):
        return None
    return next((k for k in KINDS if re.fullmatch(k.pattern, path.as_posix(), re.DOTALL)), None)


def check_files(found: Sequence[FoundFile], on_file: Callable[[], object] = lambda: None) -> Report:
    """Check files one by one, on all cores, and then against one another.

    Args:
        found: The result of ``find_files``.
        on_file: Called after each file that is of a kind.
    """
    ours = [(path, kind) for path, kind in found if kind is not None]
    report = Report(others=len(found) - len(ours))
    results: list[Checked] = []
    with ThreadPoolExecutor(number_of_cores()) as pool:
        for (_, kind), checked in zip(ours, pool.map(_check, ours), strict=True):
            report.files[kind.name] += 1
            report.bad[kind.name] += bool(checked.problems)
            report.problems += checked.problems
            results.append(checked)
            on_file()
    pairs = [(path, kind, checked) for (path, kind), checked in zip(ours, results, strict=True)]
    report.problems += _unfinished(ours)
    report.problems += _other_sizes(pairs)
    report.problems += _unknown_classes(pairs)
    report.problems += _other_inputs(pairs)
    return report


def _check(entry: tuple[Path, FileKind]) -> Checked:
    path, kind = entry
    try:
        found = kind.check(path)
        return found._replace(problems=tuple(map(_one_line, found.problems)))
    except QAClimsError as error:
        problem = str(error)
    except OSError as error:
        problem = f'{path} cannot be read ({error.strerror or error}); run its stage again.'
    except Exception as error:  # libraries raise anything; one file must not hide the others
        reason = f'{type(error).__name__}: {error}'.rstrip(': ')
        problem = f'{path} cannot be read ({reason}); delete it and run its stage again.'
    return Checked((_one_line(problem),))


def _one_line(problem: str) -> str:
    """Return a problem in one line of at most ``_LONGEST`` characters."""
    line = ' '.join(problem.split())
    return (
        line if len(line) <= _LONGEST else f'{line[: _LONGEST // 2]} ... {line[-_LONGEST // 2 :]}'
    )


def _group(kind: FileKind, path: Path, name: str) -> str | None:
    match = re.fullmatch(kind.pattern, path.as_posix(), re.DOTALL)
    return match.groupdict().get(name) if match else None


def _unfinished(ours: Sequence[tuple[Path, FileKind]]) -> Iterator[str]:
    """Yield a problem for each folder with files of a stage and no manifest."""
    folders = {_group(kind, path, 'folder') for path, kind in ours}
    for folder in sorted(f for f in folders if f is not None):
        if not (Path(folder) / MANIFEST).is_file():
            yield (
                f'{folder}/{MANIFEST} is missing: the stage that fills {folder} has not finished; '
                'run it.'
            )


def _other_sizes(pairs: Iterable[tuple[Path, FileKind, Checked]]) -> Iterator[str]:
    """Yield a problem for each file whose image has another shape in an earlier file.

    A plan may read images smaller than their files are.
    """
    first: dict[str, tuple[tuple[int, int], Path]] = {}
    for path, kind, checked in pairs:
        image_id = _group(kind, path, 'image_id')
        if image_id is None or checked.size is None:
            continue
        size, other = first.setdefault(image_id, (checked.size, path))
        if not _of_one_shape(size, checked.size):
            yield (
                f'{path} is for an image of {checked.size[0]}x{checked.size[1]}, but {other} of '
                f'{size[0]}x{size[1]}; run both stages on the same images.'
            )


def _of_one_shape(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Tell whether one size can be the other one made smaller, its sides rounded."""
    small, large = sorted((size, other), key=max)
    factor = max(small) / max(large)
    return tuple(max(1, round(side * factor)) for side in large) == tuple(small)


def _unknown_classes(pairs: Iterable[tuple[Path, FileKind, Checked]]) -> Iterator[str]:
    """Yield a problem for each file with a class that the table of its stage does not have."""
    numbers: dict[Path, int | None] = {}
    for path, kind, checked in pairs:
        folder = _group(kind, path, 'folder')
        if folder is None or checked.last_class < 0:
            continue
        stage = Path(folder).parent
        if stage not in numbers:
            numbers[stage] = _number_of_classes(stage)
        number = numbers[stage]
        if number is not None and checked.last_class >= number:
            yield (
                f'{path} has class {checked.last_class}, but {stage / CLASSES} has {number}, '
                'numbered from 0; delete it and run its stage again.'
            )


def _number_of_classes(stage: Path) -> int | None:
    """Return how many classes a stage has, ``None`` if it has no table of them."""
    try:
        return len(read_project_classes(stage))
    except FormatError:
        return None


def _other_inputs(pairs: Sequence[tuple[Path, FileKind, Checked]]) -> Iterator[str]:
    """Yield a problem for each manifest made from something else than what lies in the folder."""
    manifests = [(path, c.manifest) for path, _, c in pairs if c.manifest is not None]
    for path, manifest in manifests:
        for name, wanted in manifest.inputs.items():
            stage = INPUT_STAGES.get(name, name)
            made = {manifest_hash(p.parent): p.parent for p, m in manifests if m.stage == stage}
            if made and wanted not in made:
                folder = next(iter(made.values()))
                yield f'{path} was made from another {name} than {folder}; run its stage again.'
