"""How the stages of a work dir ran: ``logs/runs.json``."""

from pathlib import Path
from typing import NamedTuple

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas.files import is_number, is_table, problem_of_file, read_json, write_json
from qaclims_mm.schemas.work_dir import LOGS, RUNS


class Run(NamedTuple):
    """How a stage ran.

    Attributes:
        seconds: Wall-clock time; of one that went on after a kill, since then.
        gigabytes: Memory of all its processes at the peak.
        megabytes: Size of the files that it has made.
        status: Exit status.
        resumed: Whether an earlier run had begun it.
    """

    seconds: float
    gigabytes: float
    megabytes: float
    status: int
    resumed: bool = False


def runs_path(root: str | Path) -> Path:
    """Return the file of a work dir."""
    return Path(root) / LOGS / RUNS


def read_runs(root: str | Path) -> dict[str, Run]:
    """Read {stage: run} of a work dir; no file is no run.

    Raises:
        FormatError: If the file is something else.
    """
    path = runs_path(root)
    if problem_of_file(path) == 'is missing':
        return {}
    value = read_json(path)
    names = set(Run._fields)
    good = is_table(value, dict) and all(
        set(run) == names
        and type(run['status']) is int
        and type(run['resumed']) is bool
        and all(is_number(v) for k, v in run.items() if k != 'resumed')
        for run in value.values()
    )
    if not good:
        raise FormatError(
            f'{path} is not {{stage: {{{", ".join(Run._fields)}}}}} in numbers; delete it, '
            'which loses how long the stages took.'
        )
    return {stage: Run(**run) for stage, run in value.items()}


def note_run(root: str | Path, stage: str, run: Run) -> None:
    """Add a run of a stage; one that was noted before is replaced."""
    runs = {name: r._asdict() for name, r in read_runs(root).items()}
    write_json(runs_path(root), runs | {stage: run._asdict()})


def note_path(root: str | Path, stage: str) -> Path:
    """Return the file in which a stage leaves its status, size and whether it was resumed."""
    return Path(root) / LOGS / f'{stage}.note.json'
