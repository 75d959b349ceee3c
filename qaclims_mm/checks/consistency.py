"""Checks that the files between stages fit together."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from qaclims_mm.checks.kinds import Checked, FileKind
from qaclims_mm.errors import FormatError
from qaclims_mm.schemas import MANIFEST, manifest_hash
from qaclims_mm.schemas.project import CLASSES, read_project_classes

# The stage that makes an input, where it is not called as that.
INPUT_STAGES = {'corpus': 'qape'}


def compare_files(found: Sequence[tuple[Path, FileKind, Checked]]) -> Iterator[str]:
    """Yield the problems of files that are whole, but do not fit together.

    Args:
        found: Files, their kinds, and what the check of each has found.
    """
    yield from _unfinished(found)
    yield from _other_sizes(found)
    yield from _unknown_classes(found)
    yield from _other_inputs(found)


def _group(kind: FileKind, path: Path, name: str) -> str | None:
    match = re.fullmatch(kind.pattern, path.as_posix(), re.DOTALL)
    return match.groupdict().get(name) if match else None


def _unfinished(pairs: Iterable[tuple[Path, FileKind, Checked]]) -> Iterator[str]:
    """Yield a problem for each folder with files of a stage and no manifest."""
    folders = {_group(kind, path, 'folder') for path, kind, _ in pairs}
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
