"""What people have of labels, read with every problem told by its line, and none fatal by itself.

A table is of image paths below the folder of the images, as they are written in it.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.exchange.labels.annotations import read_coco, read_voc
from qaclims_mm.exchange.labels.source import Source
from qaclims_mm.exchange.labels.tables import read_table
from qaclims_mm.schemas.files import hash_file, problem_of_file
from qaclims_mm.schemas.images import check_image_folder, find_images
from qaclims_mm.schemas.names import shown_text


def read_source(labels: str | Path, images: str | Path) -> Source:
    """Read labels of whatever kind.

    Args:
        labels: A CSV file (``image,labels``; the separator is found), COCO's JSON, a folder of
            VOC's XML files, or the folder of the images itself, where the first folder below it is
            the class.
        images: Folder of the images.

    Raises:
        FormatError: If it is none of these or cannot be read at all.
        ConfigError: If the images do not lie as they must without labels.
    """
    path = Path(labels)
    check_image_folder(images)
    if os.path.isdir(path):
        xml = sorted(path.glob('*.xml'))
        return read_voc(xml, Path(images)) if xml else _read_folders(path, Path(images))
    if problem := problem_of_file(path):
        missing = f'there is no file or folder {shown_text(path)} with labels.'
        other = f'{shown_text(path)} {problem}; give a file or folder of labels.'
        raise FormatError(missing if problem == 'is missing' else other)
    return read_coco(path) if path.suffix.lower() == '.json' else read_table(path)


def _read_folders(labels: Path, images: Path) -> Source:
    if labels.resolve() != images.resolve():
        raise FormatError(
            f'{labels} has no XML files; a folder of labels has them, or is that of the images '
            'with one folder a class.'
        )
    source = Source('one folder a class', unnamed='lie beside the folders of the classes')
    paths, beside = list(find_images(images)), 0
    for path in paths:
        parts = path.relative_to(images).parts
        if len(parts) > 1:
            source.add('/'.join(parts), [parts[0].replace('_', ' ')], str(path))
        beside += len(parts) == 1
    if not source.rows or beside > len(source.rows):
        raise ConfigError(
            f'{images} has {beside} images and {len(source.rows)} more in folders, which would be '
            'the classes; did you forget --labels?'
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
    return [
        f'{one}: is the same file as {other}'
        + (f', and {len(several) - 1} more are in several folders' if len(several) > 1 else '')
        + '; to an image of its own each has only the class of its folder: a table can give '
        'an image both labels'
    ]
