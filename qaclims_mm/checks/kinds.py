"""What is checked of each kind of file between stages.

A new kind of file is one entry in ``PATTERNS`` of ``schemas.work_dir`` and one in ``_CHECKS``; a
new stage whose manifest counts something else than one file an image is one entry in
``CROSS_CHECKS`` of ``checks.counts``.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from qaclims_mm.checks.counts import CROSS_CHECKS, count_images
from qaclims_mm.checks.stages import check_stage
from qaclims_mm.errors import FormatError
from qaclims_mm.schemas import (
    MANIFEST,
    Manifest,
    check_text_bank,
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
from qaclims_mm.schemas.work_dir import OUTPUTS, PATTERNS


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
