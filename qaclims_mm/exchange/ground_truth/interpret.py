"""What the numbers or colours of masks mean: the one reading that their images' labels allow."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from qaclims_mm.exchange.ground_truth.colour_table import ColourTable
from qaclims_mm.exchange.ground_truth.known import coco_colours, find_numberings, voc_colours
from qaclims_mm.exchange.ground_truth.pixels import Pixels
from qaclims_mm.schemas import IGNORE_INDEX

# of the masks with an object: where more have a class that their image has not, annotators'
# oversights are no explanation
OVERSIGHTS = 0.2
# objects of an image in a mask of a byte; a smooth picture has more greys
_MANY = 64


class Found(NamedTuple):
    """What one mask holds.

    Attributes:
        path: Its file, as messages show it.
        labels: Values of its image's classes.
        symbols: {number or colour: number of pixels}.
        coloured: Whether the symbols are colours.
        palette: {number: colour} of a palette's used entries; ``None`` without a palette.
    """

    path: str
    labels: tuple[int, ...]
    symbols: Mapping[int, int]
    coloured: bool
    palette: Mapping[int, int] | None

    def colours(self) -> dict[int, int]:
        """Return {colour: number of pixels}."""
        counts: dict[int, int] = {}
        for symbol, number in self.symbols.items():
            if self.coloured:
                colour = symbol
            else:
                colour = self.palette[symbol] if self.palette else symbol * 0x010101
            counts[colour] = counts.get(colour, 0) + number
        return counts


@dataclass(frozen=True)
class Reading:
    """What the symbols of all masks mean.

    Attributes:
        note: What was understood, in words; '' for masks in the numbers of the project.
        values: {symbol: value}; ``None`` where every object is of its image's only class.
        by_colour: Whether the symbols are colours.
        grey: Whether colours are greys, which are read as numbers.
        ignored: The symbol that does not count where ``values`` is ``None``; -1 for none.
    """

    note: str = ''
    values: Mapping[int, int] | None = None
    by_colour: bool = False
    grey: bool = False
    ignored: int = -1

    def symbols_of(self, pixels: Pixels) -> np.ndarray:
        """Return the symbols of a mask as this reading takes them."""
        if self.grey:
            return pixels.as_colours() & 255 if pixels.coloured else pixels.symbols
        return pixels.as_colours() if self.by_colour else pixels.symbols

    def value_of(self, symbol: int, labels: Sequence[int]) -> int | None:
        """Return what a symbol means in a mask whose image has some classes, or ``None``."""
        if self.values is not None:
            return self.values.get(symbol)
        if symbol in (0, self.ignored):
            return IGNORE_INDEX if symbol else 0
        return labels[0] if len(labels) == 1 else None

    def apply(self, pixels: Pixels, labels: Sequence[int]) -> np.ndarray:
        """Return a mask in the numbers of the project.

        Args:
            pixels: The mask.
            labels: Values of its image's classes.
        """
        found, places = np.unique(self.symbols_of(pixels), return_inverse=True)
        values = np.array([self.value_of(int(s), labels) for s in found], dtype=np.uint16)
        return values[places].reshape(pixels.symbols.shape)


@dataclass
class Judged:
    """A reading against the labels of the images.

    Attributes:
        reading: The reading.
        objects: Masks with an object.
        strangers: {path of a mask: its values that its image's labels lack}.
        labels: {path of a mask with strangers: values of its image's classes}.
    """

    reading: Reading
    objects: int = 0
    strangers: dict[str, list[int]] = field(default_factory=dict)
    labels: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def fits(self) -> bool:
        """Whether it may be what is meant: there are objects, and their images have the classes."""
        return self.objects > 0 and len(self.strangers) <= OVERSIGHTS * self.objects


def interpret(
    found: Sequence[Found],
    names: Sequence[str],
    aliases: Mapping[str, Sequence[str]],
    table: ColourTable | None = None,
) -> tuple[Judged | None, Judged | None]:
    """Find the reading of masks.

    Args:
        found: What each of them holds.
        names: Classes of the project in the order of their values.
        aliases: {class: other names of it}.
        table: What the user says of them; then there is no other reading.

    Returns:
        The first reading that fits, in the order: the numbers of the project, those of VOC or
        COCO, the only label of each image; or ``None``. And the first that knows every symbol,
        whether it fits or not, for a message.
    """
    known: Judged | None = None
    for make in _readings(found, names, aliases, table):
        judged = judge(make, found)
        if judged is None:
            continue
        known = known or judged
        if judged.fits:
            return judged, known
    return None, known


def judge(reading: Reading, found: Sequence[Found]) -> Judged | None:
    """Compare what a reading makes of masks with the labels; ``None`` if it lacks a symbol."""
    judged = Judged(reading)
    for one in found:
        values = [reading.value_of(s, one.labels) for s in symbols_of(one, reading)]
        if None in values:
            return None
        present = sorted({v for v in values if v} - {IGNORE_INDEX})
        judged.objects += bool(present)
        beyond = [value for value in present if value not in one.labels]
        if beyond:
            judged.strangers[one.path] = beyond
            judged.labels[one.path] = one.labels
    return judged


def symbols_of(one: Found, reading: Reading) -> list[int]:
    """Return the symbols of a mask as a reading takes them."""
    if reading.grey:
        return sorted({s & 255 for s in one.symbols} if one.coloured else one.symbols)
    return sorted(one.colours() if reading.by_colour else one.symbols)


def is_grey(found: Sequence[Found]) -> bool:
    """Return whether all colours of coloured masks are greys."""
    colours = (s for one in found if one.coloured for s in one.symbols)
    return all(s == (s & 255) * 0x010101 for s in colours)


def _readings(
    found: Sequence[Found],
    names: Sequence[str],
    aliases: Mapping[str, Sequence[str]],
    table: ColourTable | None,
) -> Iterator[Reading]:
    """Yield the readings that there may be, the plainest first."""
    coloured = any(one.coloured for one in found)
    grey = coloured and is_grey(found)
    if table is not None:
        by_colour = table.coloured
        values = {0: 0, **table.values}
        yield Reading('as --masks-colours says', values, by_colour, grey and not by_colour)
        return
    if not coloured or grey:
        yield from _of_numbers(found, names, aliases, grey)
    if (coloured and not grey) or any(one.palette for one in found):
        yield from _of_colours(found, names, aliases)


def _of_numbers(
    found: Sequence[Found],
    names: Sequence[str],
    aliases: Mapping[str, Sequence[str]],
    grey: bool,
) -> Iterator[Reading]:
    own = _own_values(names)
    yield Reading('grey colours are the numbers of the classes' if grey else '', own, grey=grey)
    for numbering in find_numberings(names, aliases):
        values = {IGNORE_INDEX: IGNORE_INDEX, **numbering.values}
        yield Reading(f'they have the numbers of {numbering.name}', values, grey=grey)
    yield from _of_labels(found, Reading(grey=grey), _are_counted)


def _of_colours(
    found: Sequence[Found], names: Sequence[str], aliases: Mapping[str, Sequence[str]]
) -> Iterator[Reading]:
    numberings = {n.name: n.values for n in find_numberings(names, aliases)}
    voc, own = voc_colours(), _own_values(names)
    tables: list[tuple[str, Mapping[int, int], Mapping[int, int]]]
    tables = [("the colours of VOC's palette are the numbers of the classes", voc, own)]
    if 'VOC' in numberings:
        numbers = {IGNORE_INDEX: IGNORE_INDEX, **numberings['VOC']}
        tables.append(('they have the colours of VOC', voc, numbers))
    if 'COCO' in numberings:
        tables.append(('they have the colours of COCO', coco_colours(), numberings['COCO']))
    for note, colours, values in tables:
        kept = {colour: values[n] for colour, n in colours.items() if n in values}
        yield Reading(note, kept, by_colour=True)
    yield from _of_labels(found, Reading(by_colour=True), lambda symbols: len(symbols) == 1)


def _of_labels(
    found: Sequence[Found], plain: Reading, are_objects: Callable[[list[int]], bool]
) -> Iterator[Reading]:
    """Yield the reading of masks whose every object is of its image's only class.

    Args:
        found: What each mask holds.
        plain: How symbols are taken.
        are_objects: Whether the symbols of a mask, the background's aside, can be objects of one
            class.
    """
    held = [symbols_of(one, plain) for one in found]
    inside = [[s for s in symbols if s] for symbols in held]
    # 255 is an object where there is nothing else in any mask, or more than a byte holds; else it
    # does not count
    white_is_object = plain.by_colour or all(s in ([], [IGNORE_INDEX]) for s in inside)
    white_is_object |= any(s > IGNORE_INDEX for symbols in inside for s in symbols)
    ignored = -1 if white_is_object else IGNORE_INDEX
    objects = [[s for s in symbols if s != ignored] for symbols in inside]
    if any(symbols and not are_objects(symbols) for symbols in objects):
        return
    # 1, 2, 3 without 0 are a trimap: object, background, border; as are 0, 128, 255
    if any(len(own) > 1 and 0 not in symbols for own, symbols in zip(objects, held, strict=True)):
        return
    if any(ignored in symbols for symbols in inside) and any(own[:1] > [1] for own in objects):
        return
    if not _agree(objects, [one.labels for one in found]):
        return
    several = any(len(symbols) > 1 for symbols in objects)
    what = 'objects are numbered' if several else 'there is one number or colour for an object'
    note = f'{what}, and each image with an object has one label: it is that of the object'
    yield Reading(note, None, plain.by_colour, plain.grey, ignored)


def _agree(objects: Sequence[list[int]], labels: Sequence[tuple[int, ...]]) -> bool:
    """Return whether symbols may all mean the label of their image.

    Args:
        objects: The symbols of each mask, the background's aside.
        labels: Values of the classes of each mask's image.
    """
    if all(symbols == list(range(1, len(symbols) + 1)) for symbols in objects):
        return True
    meanings: dict[int, set[tuple[int, ...]]] = {}
    for symbols, own in zip(objects, labels, strict=True):
        for symbol in symbols:
            meanings.setdefault(symbol, set()).add(own)
    # several that mean several classes each are of another numbering, or labels are wrong
    return len(meanings) == 1 or all(len(own) == 1 for own in meanings.values())


def _are_counted(symbols: list[int]) -> bool:
    """Return whether numbers are one, or 1, 2, 3 and so on, as those of objects are.

    Many that a byte holds may be the greys of a smooth picture.
    """
    if _MANY < len(symbols) <= IGNORE_INDEX:
        return False
    return len(symbols) == 1 or symbols == list(range(1, len(symbols) + 1))


def _own_values(names: Sequence[str]) -> dict[int, int]:
    numbers = {value: value for value in range(len(names) + 1)}
    return numbers | {IGNORE_INDEX: IGNORE_INDEX}
