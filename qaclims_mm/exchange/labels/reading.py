"""Labels of whatever kind people have, recognised by their content.

A source is of image paths as they are written in it. Every problem is told by its place, and one
bad entry costs that entry alone.
"""

import os
from pathlib import Path

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.labels.label_file import read_label_file
from qaclims_mm.exchange.labels.label_folder import read_label_folder
from qaclims_mm.exchange.labels.source import Source
from qaclims_mm.schemas.files import problem_of_file
from qaclims_mm.schemas.images import check_image_folder
from qaclims_mm.schemas.names import shown_text

_FORBIDDEN = '{} may not be read; change its permissions, or those of its folder (chmod u+rX).'


def read_source(labels: str | Path, images: str | Path) -> Source:
    """Read labels of whatever kind.

    Args:
        labels: A table (CSV, TSV, Parquet, lines of JSON), an export of COCO, CVAT or Label Studio,
            a folder with the files of labelme, VOC or YOLO or with metadata of Hugging Face's
            imagefolder, or the folder of the images itself, where the first folder below it is the
            class.
        images: Folder of the images.

    Raises:
        FormatError: If it is none of these or cannot be read at all.
        ConfigError: If the images do not lie as they must without labels.
    """
    path, folder = Path(labels), Path(images)
    check_image_folder(images)
    _check_access(folder)
    if os.path.isdir(labels):
        _check_access(path)
        return read_label_folder(path, folder)
    if problem := problem_of_file(path):
        missing = f'there is no file or folder {shown_text(path)} with labels.'
        other = f'{shown_text(path)} {problem}; give a file or folder of labels.'
        raise FormatError(missing if problem == 'is missing' else other)
    try:
        return read_label_file(path, folder)
    except PermissionError as error:
        raise FormatError(_FORBIDDEN.format(shown_text(error.filename or path))) from error


def _check_access(folder: Path) -> None:
    """Refuse a folder that would look empty, since its files may not be listed.

    Raises:
        FormatError: If it may not be read.
    """
    if not os.access(folder, os.R_OK | os.X_OK):
        raise FormatError(_FORBIDDEN.format(shown_text(folder)))
