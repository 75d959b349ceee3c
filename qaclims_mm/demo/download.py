"""What can be taken home from the page."""

import csv
import io
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from qaclims_mm.demo.model import Found
from qaclims_mm.schemas import resize_mask, write_mask

HEAD = ('class', 'about', 'question', 'answer')


def pack(found: Found, threshold: float, answers: Sequence[Sequence[str]]) -> bytes:
    """Return a zip file of what was found.

    Args:
        found: Image and maps.
        threshold: Map value of the background of the masks, in [0, 1].
        answers: Rows of ``HEAD``.

    Returns:
        The bytes of a zip file with ``as_read.png``, ``mask.png`` (0 background, k + 1 classes) as
        large as the image's file, ``refined.png`` if there is a refiner, ``classes.csv`` (their
        names) and ``answers.csv``.
    """
    tables: dict[str, list[Any]] = {
        'classes.csv': [
            ('value', 'class'),
            *zip(found.class_indices + 1, found.classes, strict=True),
        ],
        'answers.csv': [HEAD, *answers],
    }
    packed = io.BytesIO()
    with tempfile.TemporaryDirectory() as name, zipfile.ZipFile(packed, 'w') as archive:
        folder = Path(name)
        Image.fromarray(found.image).save(folder / 'as_read.png')
        write_mask(
            folder / 'mask.png', resize_mask(found.mask(threshold, refined=False), found.size)
        )
        if found.refined is not found.cams:
            write_mask(
                folder / 'refined.png', resize_mask(found.mask(threshold, refined=True), found.size)
            )
        for table, rows in tables.items():
            with (folder / table).open('w', newline='', encoding='utf-8') as file:
                csv.writer(file).writerows(rows)
        for path in sorted(folder.iterdir()):
            archive.write(path, path.name, zipfile.ZIP_DEFLATED)
    return packed.getvalue()
