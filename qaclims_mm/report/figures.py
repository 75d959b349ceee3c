"""Figures of a page as files for papers, PDF and SVG, in a folder beside it."""

import contextlib
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import psutil

from qaclims_mm.report.blocks import Block, Gallery, Picture, Section
from qaclims_mm.schemas.files import temporary_path

FOLDER = 'figures'
_LONGEST = 60


@contextlib.contextmanager
def replaced_folder(folder: Path) -> Iterator[Path]:
    """Give a temporary folder beside ``folder``, and put it in its place when the block ends well.

    Raises:
        OSError: If a file cannot be written; the earlier folder stays.
    """
    temporary, earlier = temporary_path(folder), folder.with_name(f'.{folder.name}.earlier.tmp')
    _remove_left(folder.parent)
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        with contextlib.suppress(FileNotFoundError):
            folder.rename(earlier)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(earlier, ignore_errors=True)


def _remove_left(parent: Path) -> None:
    """Remove temporary folders of processes that were killed."""
    for left in parent.glob('.*.tmp'):
        pid = left.name.split('.')[-2]
        if not (pid.isdigit() and psutil.pid_exists(int(pid))):
            shutil.rmtree(left, ignore_errors=True)


def write_figures(sections: Sequence[Section], folder: Path) -> list[Section]:
    """Write the figures of all sections; return the sections with links to them.

    A file is named by what its figure shows, such as ``qa-clims-loss_frc.pdf``.

    Args:
        sections: Sections of a page.
        folder: Folder of the page's files, beside the page.
    """
    names: set[str] = set()
    address = quote(f'{folder.name}/{FOLDER}')
    with replaced_folder(folder / FOLDER) as temporary:

        def written(picture: Picture) -> Picture:
            if not picture.vectors:
                return picture
            name = _free_name(picture.alt, names)
            for kind, content in picture.vectors.items():
                (temporary / f'{name}.{kind}').write_bytes(content)
            links = [(kind.upper(), f'{address}/{name}.{kind}') for kind in picture.vectors]
            return replace(picture, links=links)

        return [replace(s, blocks=[_of_block(b, written) for b in s.blocks]) for s in sections]


def _of_block(block: Block, change: Callable[[Picture], Picture]) -> Block:
    """Return a block with its figures changed."""
    if isinstance(block, Gallery):
        return replace(block, pictures=[change(picture) for picture in block.pictures])
    return change(block) if isinstance(block, Picture) else block


def _free_name(text: str, names: set[str]) -> str:
    """Return a name of a file that is like a text, and remember it."""
    plain = re.sub(r'[^A-Za-z0-9_]+', '-', text).strip('-').lower()[:_LONGEST].rstrip('-')
    name, number = plain or 'figure', 1
    while name in names:
        number += 1
        name = f'{plain or "figure"}-{number}'
    names.add(name)
    return name
