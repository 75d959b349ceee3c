"""The mark by which one run holds a folder: ``run.json``."""

from collections.abc import Mapping
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


def claim_folder(folder: str | Path, fingerprint: Mapping[str, str]) -> None:
    """Mark a folder as filled from something, or check that it is; so no two runs ever mix in it.

    Processes that share a run may do so at the same moment.

    Args:
        folder: Where a run writes one file an image or a shard.
        fingerprint: {what: hash} of all that the files depend on.

    Raises:
        FormatError: If the mark is broken.
        StageError: If another run began it.
    """
    if problem_of_file(claim_path(folder)) == 'is missing':
        # another process may come between
        create_json(claim_path(folder), dict(fingerprint))
    found = read_claim(folder)
    differ = sorted(k for k in {*found, *fingerprint} if found.get(k) != fingerprint.get(k))
    if differ:
        raise StageError(
            f'{folder} holds files of another run ({", ".join(differ)} differ); '
            'delete the folder or choose another one.'
        )
