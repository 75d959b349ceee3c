"""What the writers of all formats share: options, the parts of an export, and names of files."""

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from qaclims_mm.exchange.masks.polygons import Region, polygon_of
from qaclims_mm.schemas import voc_palette
from qaclims_mm.schemas.files import atomic_path
from qaclims_mm.visualization.colours import page_colours


@dataclass(frozen=True)
class Options:
    """How masks are written.

    Attributes:
        out: Folder of the export.
        classes: {value of the mask: name}, without the background.
        tolerance: Distance by which outlines may move, in pixels.
        rle: Whether regions are written pixel by pixel instead of as polygons.
        copy_images: Whether the images are copied to where the format has them.
        image_url: What Label Studio's links to images start with; by default files of
            its own machine.
    """

    out: Path
    classes: Mapping[int, str]
    tolerance: float = 1.0
    rle: bool = False
    copy_images: bool = False
    image_url: str | None = None


@dataclass(frozen=True)
class Picture:
    """An image whose mask is written.

    Attributes:
        image_id: Its id.
        file: Its file.
        number: Its place in the export, from 1 on.
    """

    image_id: str
    file: Path
    number: int

    @property
    def name(self) -> str:
        """Path below the folder of the images, POSIX."""
        return self.image_id + self.file.suffix

    @property
    def folder(self) -> Path:
        """Folder of the images."""
        return Path(os.path.abspath(self.file)).parents[self.image_id.count('/')]


class MaskWriter:
    """Base of the writers: one writes all files of an export.

    ``start``, ``add`` for each image, and ``finish`` are called in this order. What a writer opens
    goes onto the stack, which is unwound when the export ends or fails.

    Args:
        options: How masks are written.
        stack: Closes files at the end.
    """

    # rule of ``raster`` by which the tools of the format fill polygons
    rule: ClassVar[str] = 'centres'
    # whether --rle has a meaning
    has_rle: ClassVar[bool] = True
    # files that every export has, and the folder of copied images
    shared: ClassVar[tuple[str, ...]] = ()
    pictures: ClassVar[str] = 'images'
    # the highest value of a mask that the format can hold, if it is not what a PNG can
    most: ClassVar[int] = 65535

    def __init__(self, options: Options, stack: ExitStack) -> None:
        self.options, self.stack = options, stack

    def problem_of_class(self, name: str) -> str:
        """Return why the format cannot hold a class of this name, or ''."""
        return ''

    def file_of(self, picture: Picture) -> str:
        """Return the path of an image's own file below the folder of the export; '' if none."""
        return ''

    def copy_of(self, picture: Picture) -> str:
        """Return where a copy of an image is, below the folder of the export."""
        return f'{self.pictures}/{picture.name}' if self.pictures else picture.name

    def start(self) -> None:
        """Open files and write what stands before the images."""

    def add(self, picture: Picture, mask: np.ndarray, regions: Iterable[Region]) -> None:
        """Write the mask of an image."""
        raise NotImplementedError

    def finish(self) -> None:
        """Write what stands after the images."""

    def polygon(self, region: Region) -> np.ndarray:
        """Return the polygon of a region as the format's tools fill it."""
        return polygon_of(region, self.options.tolerance, self.rule)

    def copy(self, picture: Picture) -> None:
        """Copy an image."""
        with atomic_path(self.options.out / self.copy_of(picture)) as temporary:
            shutil.copyfile(picture.file, temporary)

    def write_text(self, name: str, text: str) -> None:
        """Write a file of the export, UTF-8."""
        with atomic_path(self.options.out / name) as temporary:
            temporary.write_text(text, encoding='utf-8', newline='\n')


# XML and YAML have no form of these
_NO_CHARACTERS = re.compile('[\ufffe\uffff]')


def problem_of_markup(name: str) -> str:
    """Return why XML and YAML cannot hold a name, or ''."""
    found = _NO_CHARACTERS.search(name)
    return f'it has the character U+{ord(found[0]):04X}' if found else ''


def colour_of(value: int) -> tuple[int, int, int]:
    """Return the RGB colour of a class, that of VOC's palette for the value of its masks."""
    palette = voc_palette()
    red, green, blue = palette[3 * (value % 256) : 3 * (value % 256) + 3]
    return red, green, blue


def hex_colour(value: int) -> str:
    """Return the colour of a class as ``#rrggbb``, that of the report, for labels of a tool."""
    return '#{:02x}{:02x}{:02x}'.format(*page_colours()[value % 256].tolist())
