"""Checking a work folder: is every file between stages whole, and do they fit together?"""

import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from qaclims_mm.checks.consistency import compare_files
from qaclims_mm.checks.kinds import KINDS, Checked, FileKind
from qaclims_mm.cores import number_of_cores
from qaclims_mm.errors import ConfigError, QAClimsError
from qaclims_mm.schemas.work_dir import BEFORE, LOG, SNAKEMAKE

# characters of a problem, at most
_LONGEST = 2000


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
    report.problems += compare_files(pairs)
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
