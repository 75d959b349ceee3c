"""Lists of images that people give: text files with a path in each line, and tables."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.labels.encodings import decode_table
from qaclims_mm.exchange.labels.image_folder import OUTSIDE, Found, ImageFolder, ImageNameError
from qaclims_mm.exchange.labels.matching import match_images
from qaclims_mm.exchange.labels.source import Source
from qaclims_mm.exchange.labels.tables import read_image_column
from qaclims_mm.inference.folder import MadeFolders
from qaclims_mm.schemas.files import problem_of_file
from qaclims_mm.schemas.names import BLANKS, shown_text

TABLE = '.csv'
SUFFIXES = ('.txt', TABLE)


@dataclass
class ImageList:
    """The files of a list.

    Attributes:
        files: The files that were found.
        notes: How the list was read where that is not obvious.
        problems: What was left out, and why.
    """

    files: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class _Folder(ImageFolder):
    """The images beside a list and below, without masks that were made of images.

    Args:
        root: Folder of the list.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        made = MadeFolders(root)
        self.names = [name for name in self.names if not made.hold((root / name).parent)]

    def find(self, image: str) -> Found:
        """Find an image; one outside the folder is not there, as it would have been taken."""
        try:
            return super().find(image)
        except ImageNameError as error:
            if error.kind != OUTSIDE:
                raise
            text = f'image {shown_text(image)} is missing'
            raise ImageNameError(text, 'is missing') from error


def read_image_list(path: Path) -> ImageList:
    """Read a list of images and videos.

    A path is relative to the folder of the list. An image that is not there is looked for below
    this folder as those of labels are, see ``ImageFolder.find``.

    Args:
        path: A ``.csv``, whose column of images is taken, or a text with a path in each line.

    Raises:
        FormatError: If it cannot be read, has no entry, or is a table without a column of images.
    """
    where = shown_text(path)
    if problem := problem_of_file(path):
        raise FormatError(f'{where} {problem}; it is no list of images.')
    text, note = decode_table(where, path.read_bytes())
    found = ImageList(notes=[note] if note else [])
    if path.suffix.lower() == TABLE:
        names, found.problems = read_image_column(text, where)
    else:
        names = dict(_lines(text))
    if not names:
        raise FormatError(f'{where} lists no image; write one path in each line.')
    source = Source('list')
    for line, name in names.items():
        ways = (path.parent / way for way in (name, name.replace('\\', '/')))
        if file := next(filter(os.path.isfile, ways), None):
            found.files.append(file)
        else:
            source.add(name, (), f'{where}:{line}')
    if source.rows:
        matched = match_images(source, _Folder(path.parent))
        found.files += [path.parent / name for name in matched.values()]
    found.notes += source.notes
    found.problems += source.problems
    return found


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.split('\n'), start=1):
        if name := line.strip(BLANKS):
            yield number, name
