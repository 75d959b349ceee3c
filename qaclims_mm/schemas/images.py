"""Image files below a folder: which files are images, and what a path in a table leads to."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas.names import counted, shown_name, shown_text

_JPEG = ('.jpg', '.jpeg', '.jpe', '.jfif')
SUFFIXES = (
    *_JPEG,
    '.png',
    '.tif',
    '.tiff',
    '.bmp',
    '.gif',
    '.webp',
    '.avif',
    '.heic',
    '.heif',
)
ARCHIVES = ('.zip', '.tar', '.gz', '.tgz', '.bz2', '.xz', '.zst', '.7z', '.rar')
# of the kinds of files that are passed over
_SHOWN = 8


def check_image_folder(folder: str | Path) -> None:
    """Refuse what is no folder of images.

    Args:
        folder: The folder; nothing in it is read.

    Raises:
        FormatError: If it is missing, or an archive or another file.
    """
    # those of pathlib raise an error for a name that is too long
    if os.path.isdir(folder):
        return
    if not os.path.isfile(folder):
        raise FormatError(f'there is no folder {shown_text(folder)} with images.')
    if Path(folder).suffix.lower() in ARCHIVES:
        raise FormatError(
            f'{shown_text(folder)} is an archive; unpack it and give the folder of its images.'
        )
    raise FormatError(f'{shown_text(folder)} is a file; give the folder of the images.')


def find_images(folder: str | Path) -> Iterator[Path]:
    """Yield the images below a folder, sorted; hidden ones are left out.

    Raises:
        FormatError: If the folder or one below it cannot be read.
    """
    for path in find_files(Path(folder)):
        if path.suffix.lower() in SUFFIXES and path.is_file():
            yield path


def passed_over(folder: str | Path) -> str:
    """Return one line about the files below a folder that are no images, or ''.

    Args:
        folder: The folder of the images; hidden files are not counted.

    Raises:
        FormatError: If the folder or one below it cannot be read.
    """
    paths = [p for p in find_files(Path(folder)) if p.suffix.lower() not in SUFFIXES]
    if not paths:
        return ''
    kinds = Counter(path.suffix.lower() or 'no suffix' for path in paths)
    shown = [shown_text(kind) for kind, _ in kinds.most_common(_SHOWN)]
    listed = ', '.join(shown) + (' ..' if len(kinds) > _SHOWN else '')
    first = shown_text(paths[0].relative_to(folder).as_posix())
    verb = 'is no image' if len(paths) == 1 else 'are not images'
    number = counted(len(paths), 'file')
    return f'{number} {verb} of a kind that is read: {listed} (first: {first})'


def find_files(folder: Path) -> list[Path]:
    """Return the files below a folder, sorted; hidden ones are left out.

    Raises:
        FormatError: If the folder or one below it cannot be read.
    """
    found = []
    for root, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = [name for name in folders if not name.startswith('.')]
        found += [Path(root, name) for name in files if not name.startswith('.')]
    return sorted(found)


def _refuse(error: OSError) -> None:
    """Raise what ``os.walk`` would keep to itself: files that are not seen would be missing."""
    raise FormatError(
        f'the folder {shown_text(error.filename)} cannot be read ({error.strerror}); allow it, '
        'for example with chmod u+rx.'
    ) from error


def path_below(image: str, folder: str | Path) -> str:
    """Return an image's path below a folder, to which absolute ones and ``..`` may lead.

    Raises:
        ValueError: If it leads elsewhere, or to the folder itself.
    """
    # a folder may be a link, and be named by either of its two paths
    for root_of in (os.path.abspath, os.path.realpath):
        root = root_of(folder)
        path = Path(os.path.normpath(os.path.join(root, image)))
        if path == Path(root):
            raise ValueError(f'image {shown_name(image)} is the folder of the images, not an image')
        if path.is_relative_to(root):
            return path.relative_to(root).as_posix()
    raise ValueError(
        f'image {shown_text(image)} is not below {shown_text(folder)}, the folder of the images, '
        'to which paths are relative.'
    )
