"""The images that were dropped on the page: which are read, and what is said of the others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from qaclims_mm.errors import DataError, RecordError
from qaclims_mm.inference.pictures import Picture
from qaclims_mm.inference.video import VIDEOS
from qaclims_mm.schemas.images import ARCHIVES, SUFFIXES
from qaclims_mm.schemas.names import counted, problem_of_image_id, shown_text

LABEL_FILES = ('.csv', '.tsv', '.json', '.jsonl', '.ndjson', '.xml', '.txt', '.parquet', '.xlsx')
TURNED = 'are turned as EXIF says'
# longest side of the small picture by which an image is chosen, in pixels
_SMALL = 160


@dataclass(frozen=True)
class Entry:
    """An image of an album.

    Attributes:
        image_id: Its id, unlike those of the others.
        path: Its file on the server; the name is that which it has on the user's machine.
        labels: Names of its classes.
    """

    image_id: str
    path: Path
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Album:
    """Images, one of which is looked at.

    Attributes:
        entries: All images.
        place: Place of the one that is looked at.
    """

    entries: tuple[Entry, ...]
    place: int = 0

    @property
    def current(self) -> Entry:
        """The image that is looked at."""
        return self.entries[self.place]

    def ticked(self, labels: Sequence[str]) -> 'Album':
        """Return the album with the classes of the image that is looked at."""
        entry = replace(self.current, labels=tuple(labels))
        before, after = self.entries[: self.place], self.entries[self.place + 1 :]
        return replace(self, entries=(*before, entry, *after))


@dataclass(frozen=True)
class Opened:
    """What became of files that were dropped.

    Attributes:
        album: Those that can be read; ``None`` if none can.
        smalls: Each of them as a small picture, RGB uint8 ``(h, w, 3)``.
        messages: What is wrong with the others, and what is strange of those that are read.
    """

    album: Album | None
    smalls: list[np.ndarray]
    messages: list[str]


def open_files(files: Sequence[str | Path], read: Callable[[Path], Picture], most: int) -> Opened:
    """Read images that were dropped.

    Args:
        files: Their files.
        read: Reads one; raises a ``RecordError``.
        most: Number of images that an album holds.
    """
    paths = [Path(file) for file in files]
    messages = [text for path in paths if (text := problem_of_upload(path))]
    images = [path for path in paths if not problem_of_upload(path)]
    if len(images) > most:
        messages.insert(
            0,
            f'{len(images)} images were dropped, but the page takes {most} at once, from '
            'the first on. For more run qaclims predict MODEL IMAGES --out DIR.',
        )
    entries: list[Entry] = []
    smalls, remarks = [], dict[str, list[str]]()
    for path in images[:most]:
        try:
            picture = read(path)
        except RecordError as error:
            messages.append(str(error))
            continue
        entries.append(Entry(_new_id(path, entries), path))
        smalls.append(_small(picture.pixels))
        turned = (TURNED,) if picture.orientation != 1 else ()
        for remark in (*turned, *picture.remarks):
            remarks.setdefault(remark, []).append(path.name)
    messages += [
        f'{counted(len(names), "image", remark)} (first: {shown_text(names[0])})'
        for remark, names in remarks.items()
    ]
    return Opened(Album(tuple(entries)) if entries else None, smalls, messages)


def problem_of_upload(path: Path) -> str:
    """Return why a file is not read as an image, and what to do with it, or ''."""
    suffix, name = path.suffix.lower(), shown_text(path.name)
    if suffix in SUFFIXES:
        problem = problem_of_image_id(path.stem)
        return f'image {name}: {problem}; rename it.' if problem else ''
    if suffix in VIDEOS:
        return f'{name} is a video; its frames are read by qaclims predict MODEL {name} --out DIR.'
    if suffix in ARCHIVES:
        return f'{name} is an archive; unpack it and drop its images.'
    if suffix in LABEL_FILES:
        return f'{name} is no image; a table of labels belongs into the box of labels.'
    return f'{name} is not of a kind that is read: {", ".join(SUFFIXES)}.'


def check_given(album: Album | None) -> Album:
    """Return an album.

    Raises:
        DataError: If there is none yet.
    """
    if album is None:
        raise DataError('there is no image yet; drop one first.')
    return album


def _new_id(path: Path, entries: Sequence[Entry]) -> str:
    """Return an id that no image has, also not on systems that ignore case."""
    taken = {entry.image_id.lower() for entry in entries}
    names = [path.stem, *(f'{path.stem} ({n})' for n in range(2, len(entries) + 2))]
    return next(name for name in names if name.lower() not in taken)


def _small(pixels: np.ndarray) -> np.ndarray:
    picture = Image.fromarray(pixels)
    picture.thumbnail((_SMALL, _SMALL))
    return np.asarray(picture)
