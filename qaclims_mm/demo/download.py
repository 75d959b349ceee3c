"""What can be taken home from the page."""

import csv
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image

from qaclims_mm.demo.answers import HEAD
from qaclims_mm.demo.found import Explained
from qaclims_mm.exchange.masks.export import export_masks
from qaclims_mm.schemas import file_of, resize_mask, write_mask

MASKS, REFINED, SEGMENTOR = 'masks', 'refined', 'segmentor'


@dataclass(frozen=True)
class Result:
    """What was found in an image.

    Attributes:
        image_id: Its id.
        file: Its file.
        explained: Its maps, masks and answers.
    """

    image_id: str
    file: Path
    explained: Explained


def pack(
    file: IO[bytes],
    results: Iterable[Result],
    classes: Sequence[str],
    threshold: float,
    format: str = 'png',
) -> None:
    """Write a zip file of what was found.

    It has the folders ``masks``, ``refined`` if there is a refiner, and ``segmentor`` if there is
    one, each an export of the format, with masks as large as the image's file. ``as_read`` has the
    images as the networks saw them, ``classes.csv`` the values of masks (0 background, k + 1
    classes) and ``answers.csv`` what the VQA model said.

    Args:
        file: Where it is written.
        results: What was found; the maps of one image are in memory at a time.
        classes: Names of the network's classes.
        threshold: Map value of the background of the masks, in [0, 1].
        format: One of ``exchange.masks.export.FORMATS``.

    Raises:
        ConfigError: If the format is unknown or cannot hold the classes.
    """
    with tempfile.TemporaryDirectory() as drawn, tempfile.TemporaryDirectory() as packed:
        raw, out = Path(drawn), Path(packed)
        images: dict[str, Path] = {}
        answers: list[tuple[str, ...]] = []
        names = {MASKS: tuple(classes), REFINED: tuple(classes)}
        for result in results:
            found = result.explained.found
            names[SEGMENTOR] = found.values[1:]
            _draw(raw, result, threshold)
            as_read = file_of(out / 'as_read', result.image_id, '.png')
            as_read.parent.mkdir(exist_ok=True)
            Image.fromarray(found.image).save(as_read)
            # formats that name the file of an image find it beside the folder of the masks
            link = images[result.image_id] = out / f'{result.image_id}{result.file.suffix}'
            link.symlink_to(result.file)
            answers += [(link.name, *row) for row in result.explained.answers]
        for kind in sorted(path.name for path in raw.iterdir()):
            export_masks(raw / kind, images, names[kind], out / kind, format)
        known = classes or names[SEGMENTOR]
        _write_table(out / 'classes.csv', [('value', 'class'), *enumerate(['background', *known])])
        _write_table(out / 'answers.csv', [('image', *HEAD), *answers])
        with zipfile.ZipFile(file, 'w', zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(out.rglob('*')):
                if path.is_file() and not path.is_symlink():
                    archive.write(path, path.relative_to(out).as_posix())


def _draw(folder: Path, result: Result, threshold: float) -> None:
    """Write the masks of an image, each kind into its folder."""
    found = result.explained.found
    masks: dict[str, np.ndarray] = {}
    if found.classes:
        masks[MASKS] = found.mask(threshold, refined=False)
    if found.refined is not found.cams:
        masks[REFINED] = found.mask(threshold, refined=True)
    if found.segmented is not None:
        masks[SEGMENTOR] = found.segmented
    for kind, mask in masks.items():
        write_mask(file_of(folder / kind, result.image_id, '.png'), resize_mask(mask, found.size))


def _write_table(path: Path, rows: Iterable[Sequence[Any]]) -> None:
    with path.open('w', newline='', encoding='utf-8') as file:
        csv.writer(file).writerows(rows)
