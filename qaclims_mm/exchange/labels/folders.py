"""Labels of a folder for each class."""

from collections.abc import Sequence
from pathlib import Path

from qaclims_mm.errors import ConfigError
from qaclims_mm.exchange.labels.source import Source
from qaclims_mm.schemas.files import hash_file
from qaclims_mm.schemas.images import find_images
from qaclims_mm.schemas.names import counted

KIND = 'one folder a class'


def read_folders(images: Path) -> Source:
    """Read labels from the first folder of each image's path.

    Raises:
        ConfigError: If there are no images, or most of them lie in no folder.
    """
    source = Source(KIND, unnamed='lie beside the folders of the classes')
    paths, beside = list(find_images(images)), 0
    for path in paths:
        parts = path.relative_to(images).parts
        if len(parts) > 1:
            source.add('/'.join(parts), [parts[0].replace('_', ' ')], str(path))
        beside += len(parts) == 1
    if not source.rows or beside > len(source.rows):
        raise ConfigError(
            f'{images} has {counted(beside, "image")} and {len(source.rows)} more in folders, '
            'which would be the classes; did you forget --labels?'
            if paths
            else f'{images} has no images.'
        )
    inside = [path for path in paths if path.parent != images]
    source.remarks += [*_without_images(images, inside), *_in_several(images, inside)]
    return source


def _without_images(images: Path, paths: Sequence[Path]) -> list[str]:
    """Tell of the folders that would be classes, had they an image."""
    classes = {path.relative_to(images).parts[0] for path in paths}
    return [
        f'{folder}: has no image, so it is no class'
        for folder in sorted(images.iterdir())
        if folder.is_dir() and not folder.name.startswith('.') and folder.name not in classes
    ]


def _in_several(images: Path, paths: Sequence[Path]) -> list[str]:
    """Tell of files that lie in the folders of several classes."""
    by_size: dict[int, list[Path]] = {}
    for path in paths:
        by_size.setdefault(path.stat().st_size, []).append(path)
    by_content: dict[str, list[Path]] = {}
    for path in (path for alike in by_size.values() if len(alike) > 1 for path in alike):
        by_content.setdefault(hash_file(path), []).append(path)
    several = [
        sorted(same)
        for same in by_content.values()
        if len({path.relative_to(images).parts[0] for path in same}) > 1
    ]
    if not several:
        return []
    one, other, *_ = several[0]
    others = counted(len(several) - 1, 'more image', 'are')
    return [
        f'{one}: is the same file as {other}'
        + (f', and {others} in several folders' if len(several) > 1 else '')
        + '; to an image of its own each has only the class of its folder: a table can give '
        'an image both labels'
    ]
