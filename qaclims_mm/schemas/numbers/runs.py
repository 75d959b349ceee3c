"""How the stages of a work dir ran: ``logs/runs.json``."""

from pathlib import Path
from typing import Any, NamedTuple

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
        machine: What it ran on, and the versions of what computed; '' if that is not known.
        date: When it ended, as ``YYYY-MM-DD``; '' if that is not known.
    """

    seconds: float
    gigabytes: float
    megabytes: float
    status: int
    resumed: bool = False
    machine: str = ''
    date: str = ''


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
    if not is_table(value, dict) or not all(map(_is_run, value.values())):
        raise FormatError(
            f'{path} is not {{stage: {{{", ".join(Run._fields)}}}}}; delete it, which loses how '
            'long the stages took.'
        )
    return {stage: Run(**run) for stage, run in value.items()}


def _is_run(run: dict[str, Any]) -> bool:
    """Tell whether a table is that of a run; what has a default may be missing."""
    types = dict(status=int, resumed=bool, machine=str, date=str)
    return set(run) | set(Run._field_defaults) == set(Run._fields) and all(
        type(v) is types[k] if k in types else is_number(v) for k, v in run.items()
    )


def note_run(root: str | Path, stage: str, run: Run) -> None:
    """Add a run of a stage; one that was noted before is replaced."""
    runs = {name: r._asdict() for name, r in read_runs(root).items()}
    write_json(runs_path(root), runs | {stage: run._asdict()})


def note_path(root: str | Path, stage: str) -> Path:
    """Return the file in which a stage leaves its status, size and whether it was resumed."""
    return Path(root) / LOGS / f'{stage}.note.json'
