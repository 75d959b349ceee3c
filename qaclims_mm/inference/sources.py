"""What a user gives as images: files, folders, lists of files, and videos."""

import csv
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from qaclims_mm.errors import FormatError
from qaclims_mm.inference.segmenter import list_files
from qaclims_mm.inference.video import is_video
from qaclims_mm.schemas import image_id_of
from qaclims_mm.schemas.files import problem_of_file
from qaclims_mm.schemas.names import problem_of_image_id, shown_text

LISTS = ('.txt', '.csv')
COLUMN = 'image'


@dataclass
class Sources:
    """Images and videos by their ids.

    Attributes:
        images: {image id: file}.
        videos: {id: file}; a frame's image id is ``video.frame_id``.
        notes: What was passed over, a line each.
    """

    images: dict[str, Path] = field(default_factory=dict)
    videos: dict[str, Path] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, path: Path, image_id: str) -> None:
        """Add an image or a video.

        Raises:
            FormatError: If another file has its id, or no file can be named by it.
        """
        if problem := problem_of_image_id(image_id):
            raise FormatError(f'image {shown_text(path)}: {problem}; rename it.')
        known = self.videos if is_video(path) else self.images
        other = known.setdefault(image_id, path)
        if other != path:
            raise FormatError(
                f'{shown_text(other)} and {shown_text(path)} would have the same mask '
                f'{shown_text(image_id)}.png; rename one, or give each its own --out.'
            )


def find_sources(given: Iterable[str | Path]) -> Sources:
    """Find the images and videos that are meant.

    Args:
        given: Images and videos; folders, whose images are taken, those of their folders too; and
            lists: a ``.txt`` with a path in each line, or a ``.csv`` with the column ``image``,
            relative to the folder of the list.

    Returns:
        Files by their ids. An id is the path below the folder or the list that was given, without
        the suffix; of a path that leads out of it, the whole path.

    Raises:
        FormatError: If there is no such file, a list is no list, or two files have one id.
    """
    found = Sources()
    for name in given:
        path = Path(name)
        if path.is_file() and path.suffix.lower() in LISTS:
            for entry in read_list(path):
                found.add(entry, _id_in_list(entry, path.parent))
        else:
            _add_place(found, path)
    for video in found.videos:
        if any(image.startswith(f'{video}/frame_') for image in found.images):
            raise FormatError(
                f'the frames of {shown_text(found.videos[video])} would have the same masks as '
                f'images of the folder {shown_text(video)}; give each its own --out.'
            )
    return found


def _add_place(found: Sources, path: Path) -> None:
    """Add a file, or the images of a folder."""
    if not path.is_dir():
        [path] = list_files(path)
        found.add(path, image_id_of(path, path.parent))
        return
    for image in list_files(path):
        found.add(image, image_id_of(image, path))
    if videos := sum(is_video(p) and p.is_file() for p in path.rglob('*')):
        found.notes.append(
            f'{shown_text(path)}: {videos} videos are passed over; a video is taken if it is named.'
        )


def _id_in_list(path: Path, root: Path) -> str:
    """Return the id of a list's entry, the same whatever else stands in the list."""
    full = Path(os.path.abspath(path))
    root = Path(os.path.abspath(root))
    return image_id_of(full, root if full.is_relative_to(root) else full.anchor)


def read_list(path: Path) -> Iterator[Path]:
    """Yield the files of a list, which need not be there.

    Raises:
        FormatError: If it is no text in UTF-8, has no entry, or is a table without the column
            ``image``.
    """
    if problem := problem_of_file(path):
        raise FormatError(f'{shown_text(path)} {problem}; it is no list of images.')
    try:
        with path.open(newline='', encoding='utf-8-sig') as file:
            names = list(_cells(path, file) if path.suffix.lower() == '.csv' else file)
    except (UnicodeDecodeError, csv.Error) as error:
        raise FormatError(
            f'{shown_text(path)} is no list in UTF-8 ({error}); save it as such.'
        ) from error
    names = [name.strip() for name in names if name.strip()]
    if not names:
        raise FormatError(f'{shown_text(path)} lists no image; write one path in each line.')
    for name in names:
        yield path.parent / name


def _cells(path: Path, file: Iterable[str]) -> Iterator[str]:
    reader = csv.DictReader(file)
    if COLUMN not in (reader.fieldnames or ()):
        raise FormatError(f'{shown_text(path)}:1 must have the column {COLUMN}; add it.')
    for row in reader:
        yield row[COLUMN] or ''
