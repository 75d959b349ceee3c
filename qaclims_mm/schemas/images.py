"""Image files below a folder: which files are images, and what a path in a table leads to."""

import os
from collections.abc import Iterator
from pathlib import Path

from qaclims_mm.schemas.names import shown_name, shown_text

SUFFIXES = ('.jpg', '.jpeg', '.png', '.tif', '.tiff', '.bmp', '.gif', '.webp')


def find_images(folder: str | Path) -> Iterator[Path]:
    """Yield the images below a folder, sorted; hidden ones are left out."""
    folder = Path(folder)
    for path in sorted(folder.rglob('*')):
        hidden = any(part.startswith('.') for part in path.relative_to(folder).parts)
        if path.suffix.lower() in SUFFIXES and path.is_file() and not hidden:
            yield path


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
