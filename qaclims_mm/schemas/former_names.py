"""Names that a project's classes had before."""

from collections.abc import Iterator
from pathlib import Path

from qaclims_mm.schemas.project import read_project_tables
from qaclims_mm.schemas.project_options import read_init


def former_names(folder: str | Path) -> dict[str, str]:
    """Return {other name: class} of the renames and aliases of a project.

    A name that is a class now, or that two classes had, is none.

    Args:
        folder: The project.

    Raises:
        FormatError: If a table of the project cannot be read.
    """
    classes = {*read_project_tables(folder).classes}
    found: dict[str, set[str]] = {}
    for other, name in _pairs(Path(folder)):
        if name in classes and other not in classes:
            found.setdefault(other, set()).add(name)
    return {other: min(names) for other, names in found.items() if len(names) == 1}


def _pairs(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield other names with their classes."""
    for name, others in read_project_tables(folder).aliases.items():
        yield from ((other, name) for other in others)
    noted = read_init(folder)
    if noted is not None:
        yield from noted[0].renames.items()
