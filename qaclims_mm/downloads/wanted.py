"""A file to be fetched, and the part of it that is there."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas import read_json, write_json


@dataclass(frozen=True)
class Wanted:
    """A file to be fetched.

    Attributes:
        path: Where it goes. ``<path>.part`` has what has been fetched so far, and
            ``<path>.part.json`` of which version of the file that is.
        urls: Where it is, in the order in which they are tried.
        bytes: Its size, if it is known.
        is_checked: Whether its checksum is known, so that a wrong mixture would be noticed.
    """

    path: Path
    urls: tuple[str, ...]
    bytes: int | None = None
    is_checked: bool = False

    @property
    def part(self) -> Path:
        """The part that has been fetched so far."""
        return self.path.with_name(f'{self.path.name}.part')

    @property
    def note(self) -> Path:
        """Notes about the part."""
        return self.path.with_name(f'{self.path.name}.part.json')

    @property
    def bytes_there(self) -> int:
        """Size of the part."""
        return self.part.stat().st_size if self.part.is_file() else 0

    def finish(self) -> None:
        """Put the part, which is whole, in the place of the file."""
        self.part.replace(self.path)
        self.note.unlink(missing_ok=True)

    def forget(self) -> None:
        """Delete the part and its notes."""
        self.part.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def start(self, url: str, validator: str | None) -> None:
        """Begin an empty part.

        Args:
            url: The address that the file comes from.
            validator: What the server calls this version of the file; ``None`` for none.
        """
        self.part.write_bytes(b'')
        write_json(self.note, dict(url=url, validator=validator))

    def resumption(self, url: str) -> tuple[int, dict[str, str]]:
        """Return how many bytes are there that can be used, and the headers that ask for more.

        Args:
            url: The address that is asked.
        """
        have = self.bytes_there
        noted: Any = {}
        with suppress(FormatError, OSError):
            noted = read_json(self.note)
        usable = isinstance(noted, dict) and noted.get('url') == url
        validator = noted.get('validator') if usable else None
        if not have or not usable or not (isinstance(validator, str) or self.is_checked):
            return 0, {}
        if_range = {'If-Range': validator} if isinstance(validator, str) else {}
        return have, {'Range': f'bytes={have}-'} | if_range


def write_all(file: Any, chunk: bytes, path: Path) -> None:
    """Write all of a chunk; an error of the disk names the file."""
    view = memoryview(chunk)
    try:
        while view:
            view = view[file.write(view) :]
    except OSError as error:
        error.filename = str(path)
        raise
