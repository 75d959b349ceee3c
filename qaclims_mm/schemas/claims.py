"""The mark by which one run holds a folder: ``run.json``."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from qaclims_mm.errors import FormatError, StageError
from qaclims_mm.schemas.files import create_json, is_table, problem_of_file, read_json, write_json

CLAIM = 'run.json'


def claim_path(folder: str | Path) -> Path:
    """Return the file of a claim."""
    return Path(folder) / CLAIM


def write_claim(folder: str | Path, claim: Mapping[str, Any]) -> None:
    """Write from what a folder is filled, whatever was claimed before."""
    write_json(claim_path(folder), dict(claim))


def read_claim(folder: str | Path) -> dict[str, Any]:
    """Read the claim of a folder, {what: hash or value}; no file is an empty one.

    Raises:
        FormatError: If it is something else.
    """
    path = claim_path(folder)
    fix = f'delete {path.parent} and run its stage again'
    if problem_of_file(path) == 'is missing':
        return {}
    claim = read_json(path, fix)
    if not is_table(claim, object) or not is_table(claim.get('inputs', {}), str):
        raise FormatError(f'{path} is not {{what: hash}}; {fix}.')
    return claim


def claim_folder(folder: str | Path, fingerprint: Mapping[str, str]) -> bool:
    """Mark a folder as filled from something, or check that it is; so no two runs ever mix in it.

    Processes that share a run may do so at the same moment.

    Args:
        folder: Where a run writes one file an image or a shard.
        fingerprint: {what: hash} of all that the files depend on.

    Returns:
        Whether this process has marked it.

    Raises:
        FormatError: If the mark is broken.
        StageError: If another run began it.
    """
    path = claim_path(folder)
    # of several processes at the same moment, one alone makes it
    is_new = problem_of_file(path) == 'is missing' and create_json(path, dict(fingerprint))
    found = read_claim(folder)
    differ = sorted(k for k in {*found, *fingerprint} if found.get(k) != fingerprint.get(k))
    if differ:
        raise StageError(_refusal(Path(folder), ', '.join(differ)))
    return is_new


def _refusal(folder: Path, differ: str) -> str:
    """Return why a folder that another run has begun is refused, and what to do."""
    if _has_files(folder):
        return (
            f'{folder} holds files of another run ({differ} differ); delete the folder or choose '
            'another one.'
        )
    return (
        f'{folder} was begun by another run ({differ} differ), which was killed before it wrote a '
        f'file, or still works. If it does not work, delete {claim_path(folder)}, and run this '
        'command again.'
    )


def _has_files(folder: Path) -> bool:
    """Tell whether a folder has more than a mark and files that are being written."""
    return any(
        path.is_file() and path.name != CLAIM and not path.name.endswith('.tmp')
        for path in folder.rglob('*')
    )


def release_folder(folder: str | Path) -> None:
    """Take back the mark of a run that has failed before it wrote a file.

    The next run may then have other options.
    """
    if not _has_files(Path(folder)):
        claim_path(folder).unlink(missing_ok=True)


@contextlib.contextmanager
def claimed(folder: str | Path, fingerprint: Mapping[str, str], is_part: bool) -> Iterator[None]:
    """Claim a folder for a block; one that fails before a file is written gives it back.

    Args:
        folder: As in ``claim_folder``.
        fingerprint: As in ``claim_folder``.
        is_part: Whether other processes fill the folder too, which may not have written yet.

    Raises:
        FormatError: As in ``claim_folder``.
        StageError: As in ``claim_folder``.
    """
    is_new = claim_folder(folder, fingerprint)
    try:
        yield
    except BaseException:
        if is_new and not is_part:
            release_folder(folder)
        raise
