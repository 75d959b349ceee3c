"""What a user gives as images: files, folders, lists of files, and videos."""

import os
from collections.abc import Iterable
from pathlib import Path

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.image_list import SUFFIXES, read_image_list
from qaclims_mm.exchange.labels.archives import check_no_archive
from qaclims_mm.inference.folder import MadeFolders
from qaclims_mm.inference.segmenter import list_files
from qaclims_mm.inference.sources import Sources
from qaclims_mm.inference.video import is_video
from qaclims_mm.schemas import image_id_of
from qaclims_mm.schemas.names import counted, shown_text

# first bytes by which archives are known
_HEAD = 512


def find_sources(given: Iterable[str | Path], out: str | Path | None = None) -> Sources:
    """Find the images and videos that are meant.

    Args:
        given: Images and videos; folders, whose images are taken, those of their folders too; and
            lists, see ``read_image_list``.
        out: Folder of the masks. What lies in it is no image that is meant, unless it is named, nor
            is what lies below another folder of masks.

    Returns:
        Files by their ids. An id is the path below the folder or the list that was given, without
        the suffix; of a path that leads out of it, the whole path.

    Raises:
        FormatError: If there is no such file, a list is no list, a file is an archive, a folder of
            images is that of the masks, or two files have one id.
    """
    found = Sources()
    for name in given:
        path = Path(name)
        if path.is_file() and path.suffix.lower() in SUFFIXES:
            _add_list(found, path)
        elif path.is_dir():
            _add_folder(found, path, None if out is None else Path(out))
        else:
            _add_file(found, path)
    for video in found.videos:
        if any(image.startswith(f'{video}/frame_') for image in found.images):
            raise FormatError(
                f'the frames of {shown_text(found.videos[video])} would have the same masks as '
                f'images of the folder {shown_text(video)}; give each its own --out.'
            )
    return found


def _add_list(found: Sources, path: Path) -> None:
    """Add the files of a list."""
    listed = read_image_list(path)
    found.notes += listed.notes
    found.problems += listed.problems
    for entry in listed.files:
        found.add(entry, _id_in_list(entry, path.parent))


def _add_file(found: Sources, path: Path) -> None:
    """Add an image or a video."""
    [path] = list_files(path)
    with path.open('rb') as file:
        head = file.read(_HEAD)
    check_no_archive(path, head)
    found.add(path, image_id_of(path, path.parent))


def _add_folder(found: Sources, path: Path, out: Path | None) -> None:
    """Add the images of a folder, but for those that were made of images."""
    if out and path.resolve() == out.resolve():
        raise FormatError(
            f'{shown_text(path)} is the folder of the images, so --out must be another one, such '
            f'as {shown_text(path / "out")}.'
        )
    made, images = MadeFolders(path, out), list_files(path)
    kept = [image for image in images if not made.hold(image.parent)]
    if left := len(images) - len(kept):
        said = 'are passed over, in folders that qaclims predict writes.'
        found.notes.append(f'{shown_text(path)}: {counted(left, "image", said)}')
    if not kept:
        raise FormatError(f'there is no image in the folder {shown_text(path)} but masks.')
    for image in kept:
        found.add(image, image_id_of(image, path))
    if videos := sum(is_video(p) and p.is_file() for p in path.rglob('*')):
        said = 'are passed over; a video is taken if it is named.'
        found.notes.append(f'{shown_text(path)}: {counted(videos, "video", said)}')


def _id_in_list(path: Path, root: Path) -> str:
    """Return the id of a list's entry, the same whatever else stands in the list."""
    full = Path(os.path.abspath(path))
    root = Path(os.path.abspath(root))
    return image_id_of(full, root if full.is_relative_to(root) else full.anchor)
