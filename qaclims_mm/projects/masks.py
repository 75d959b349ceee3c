"""Ground truth masks of a project: found by name, understood, and put into its numbers."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from qaclims_mm.errors import ConfigError, DataError
from qaclims_mm.exchange.ground_truth.colour_table import ColourTable, read_colour_table
from qaclims_mm.exchange.ground_truth.interpret import Found, Judged, Reading, interpret
from qaclims_mm.exchange.ground_truth.matching import Matched, list_masks, match_masks
from qaclims_mm.exchange.ground_truth.pixels import Pixels, read_pixels
from qaclims_mm.exchange.ground_truth.refusals import (
    describe_numbering,
    describe_refusal,
    describe_strangers,
)
from qaclims_mm.progress import track
from qaclims_mm.projects.checks import Checked
from qaclims_mm.schemas import join_problems
from qaclims_mm.schemas.files import file_of, image_id_of
from qaclims_mm.schemas.image_file import turned
from qaclims_mm.schemas.masks import update_mask
from qaclims_mm.schemas.names import counted, shown_text
from qaclims_mm.schemas.project import with_gap

# folder of a project with masks that were converted
MASKS = 'masks'


@dataclass(frozen=True)
class Mask:
    """The mask of an image.

    Attributes:
        path: Its file.
        labels: Values of the image's classes.
        orientation: How EXIF turns the image, 1 to 8.
    """

    path: Path
    labels: tuple[int, ...]
    orientation: int


@dataclass
class GroundTruth:
    """Masks that can be used.

    Attributes:
        folder: Their folder.
        problems: What is strange of them.
        notes: What was understood and done.
        masks: {image: its mask}.
        reading: What their pixels mean.
        turned: Images whose masks are turned as EXIF turns the images.
        stays: Whether the masks can be used where they are.
    """

    folder: Path
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    masks: dict[str, Mask] = field(default_factory=dict)
    reading: Reading = field(default_factory=Reading)
    turned: set[str] = field(default_factory=set)
    stays: bool = True

    def place(self, project: Path) -> Path:
        """Return the folder of masks in the numbers of a project, where ``convert`` puts them.

        Args:
            project: Folder of the project.

        Raises:
            ConfigError: If they would be written over themselves.
        """
        target = project / MASKS
        if self.stays:
            return self.folder
        if os.path.realpath(self.folder) == os.path.realpath(target):
            raise ConfigError(
                f'{shown_text(self.folder)} is where the converted masks go; move your own ones '
                'into another folder.'
            )
        return target

    def convert(self, project: Path) -> int:
        """Write masks of other names, numbers or forms into a project; count those that change.

        Args:
            project: Folder of the project.
        """
        if self.stays:
            return 0
        target, changed = self.place(project), 0
        for image, mask in track(self.masks.items(), 'converting the masks', len(self.masks)):
            values = self.reading.apply(read_pixels(mask.path), mask.labels)
            if image in self.turned:
                values = np.asarray(turned(Image.fromarray(values), mask.orientation))
            changed += update_mask(file_of(target, image_id_of(image, ''), '.png'), values)
        return changed


def find_masks(
    folder: str | Path,
    checked: Checked,
    colours: str | Path | None = None,
    as_stored: bool = False,
) -> GroundTruth:
    """Find the ground truth masks of a project's images, and what they mean.

    Args:
        folder: Folder of masks that are called as the images.
        checked: Images and classes.
        colours: Table of colours or values, see ``read_colour_table``.
        as_stored: Whether masks lie on the pixels as they are stored, which EXIF does not turn.

    Raises:
        ConfigError: If there is no such folder.
        FormatError: If the table of colours is wrong.
        DataError: If no mask is of an image, one is broken or of another size than its image, or
            what they mean is not known or does not fit the labels.
    """
    if not os.path.isdir(folder):
        raise ConfigError(f'there is no folder {shown_text(folder)} with masks.')
    truth, names = GroundTruth(Path(folder)), with_gap(checked.classes)
    table = read_colour_table(colours, names, checked.renamed) if colours is not None else None
    matched = _match(truth, checked)
    surveyed = _survey(truth, checked, matched, names, as_stored)
    judged = _interpret(truth, surveyed.found, names, checked, table)
    truth.reading = judged.reading
    _say_turned(truth, surveyed)
    plain_names = matched.pattern == '{image}' and all(
        Path(file).with_suffix('.png').as_posix() == file
        and image_id_of(file, '') == image_id_of(image, '')
        for image, file in matched.files.items()
    )
    is_own = not judged.reading.note
    truth.stays = surveyed.plain and plain_names and is_own and not truth.turned
    if not truth.stays:
        what = judged.reading.note or 'the names or the form are put right'
        said = f'are converted into the folder {MASKS} of the project: {what}'
        truth.notes.append(counted(len(matched.files), 'mask', said))
    return truth


def _match(truth: GroundTruth, checked: Checked) -> Matched:
    """Find the masks of the images.

    Raises:
        DataError: If there is none.
    """
    files, images = list_masks(truth.folder), list(checked.rows)
    matched = match_masks(files, images)
    if not matched.files:
        number = counted(len(files), 'file')
        there = f'has {number} such as {shown_text(files[0])}, but ' if files else 'has '
        raise DataError(
            f'{shown_text(truth.folder)} {there}no mask of an image; they are called as the '
            'images, .png.'
        )
    if len(matched.files) < len(images):
        truth.notes.append(f'with a mask: {len(matched.files)} of {counted(len(images), "image")}')
    if matched.others:
        truth.notes.append(
            f'{counted(len(matched.others), "file", "belong to no image")} in '
            f'{shown_text(truth.folder)} (first: {shown_text(matched.others[0])})'
        )
    return matched


@dataclass
class _Surveyed:
    """What all masks hold.

    Attributes:
        found: Their symbols.
        plain: Whether ``read_mask`` reads all of them.
        stored: Images that EXIF turns, whose masks have the size of the stored image.
        shown: Those whose masks have the size of the turned one.
        either: Those where both sizes agree.
    """

    found: list[Found] = field(default_factory=list)
    plain: bool = True
    stored: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    either: list[str] = field(default_factory=list)


def _survey(
    truth: GroundTruth, checked: Checked, matched: Matched, names: Sequence[str], as_stored: bool
) -> _Surveyed:
    """Read every mask once.

    Raises:
        DataError: If some are broken or of another size than their images.
    """
    values = {name: value for value, name in enumerate(names, start=1)}
    orientations = checked.orientations or [1] * len(checked.rows)
    sizes = dict(zip(checked.rows, zip(checked.sizes, orientations, strict=True), strict=True))
    surveyed, broken = _Surveyed(), []
    for image, file in track(matched.files.items(), 'looking at the masks', len(matched.files)):
        size, orientation = sizes[image]
        labels = tuple(values[label] for label in checked.rows[image])
        mask = Mask(truth.folder / file, labels, orientation)
        truth.masks[image] = mask
        try:
            pixels = read_pixels(mask.path)
            kinds = _fits(pixels, size, orientation, as_stored)
        except DataError as error:
            broken.append(str(error))
            continue
        if not kinds:
            broken.append(_wrong_size(mask, pixels, size))
            continue
        if orientation != 1:
            kind = kinds[0] if len(kinds) == 1 else 'either'
            getattr(surveyed, kind).append(image)
        surveyed.plain &= pixels.plain
        surveyed.found.append(_found_of(mask, pixels))
    if broken:
        problem = join_problems(broken, 'mask', 'do not fit')
        raise DataError(f'{problem}\nA mask is as large as its image; {describe_numbering(names)}.')
    return surveyed


def _fits(pixels: Pixels, size: tuple[int, int], orientation: int, as_stored: bool) -> list[str]:
    """Return which of ``stored`` and ``shown`` a mask's size is that of."""
    found = pixels.symbols.shape[::-1]
    stored = size[::-1] if orientation >= 5 else size
    kinds = [name for name, one in (('stored', stored), ('shown', size)) if found == one]
    return [name for name in kinds if name == 'stored'] if as_stored else kinds


def _wrong_size(mask: Mask, pixels: Pixels, size: tuple[int, int]) -> str:
    height, width = pixels.symbols.shape
    # of the same shape, within a pixel
    alike = abs(width * size[1] - height * size[0]) <= max(*size, width, height)
    scale = '; scale it to that size by the nearest pixels' if alike else ''
    turn = ' as EXIF turns it' if mask.orientation != 1 else ''
    return (
        f'{shown_text(mask.path)}: {width} x {height} pixels, its image has {size[0]} x '
        f'{size[1]}{turn}{scale}'
    )


def _found_of(mask: Mask, pixels: Pixels) -> Found:
    symbols = pixels.count_symbols()
    palette = None
    if pixels.palette is not None:
        palette = {symbol: int(pixels.palette[symbol]) for symbol in symbols}
    return Found(shown_text(mask.path), mask.labels, symbols, pixels.coloured, palette)


def _interpret(
    truth: GroundTruth,
    found: Sequence[Found],
    names: Sequence[str],
    checked: Checked,
    table: ColourTable | None,
) -> Judged:
    """Return the reading of the masks.

    Raises:
        DataError: If there is none.
    """
    judged, known = interpret(found, names, checked.aliases, table)
    if judged is None:
        refusal = describe_refusal(found, known, names, table is not None)
        raise DataError(f'{shown_text(truth.folder)}: {refusal}.')
    if judged.strangers:
        truth.problems.append(describe_strangers(judged, names))
    return judged


def _say_turned(truth: GroundTruth, surveyed: _Surveyed) -> None:
    """Decide which masks are turned as their images are, and say so."""
    stored, shown, either = surveyed.stored, surveyed.shown, surveyed.either
    if stored and not shown:
        # the tool that made these took no notice of EXIF
        stored, either = [*stored, *either], []
    truth.turned = set(stored)
    if stored:
        truth.notes.append(
            f'{counted(len(stored), "mask", "lie on the pixels as they are stored")}, and turned '
            f'as EXIF turns the image (first: {shown_text(stored[0])})'
        )
    if either and (stored or not shown):
        truth.problems.append(
            f'{counted(len(either), "image", "are turned by EXIF")} (first: '
            f'{shown_text(either[0])}), and so must the mask be; if masks lie on the pixels as '
            'they are stored, give --masks-as-stored'
        )
