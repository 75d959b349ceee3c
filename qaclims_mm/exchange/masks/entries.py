"""Entries of other tools' files, matched with a project's images and classes.

One bad entry costs that entry. What is wrong with it, and where, is a line of the problems.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from urllib.parse import unquote, urlsplit

import numpy as np

from qaclims_mm.exchange.masks.raster import Patch
from qaclims_mm.exchange.uploads import readings_of_upload, stored_name
from qaclims_mm.schemas import IGNORE_INDEX
from qaclims_mm.schemas.names import counted, shown_name

# names by which tools call what is none of the classes, in lower case
_BACKGROUND = frozenset(['background', '_background_', '__background__'])
_IGNORED = frozenset(['ignore', 'ignored', '__ignore__', 'void'])
_SUFFIX = re.compile(r'\.[^./]{1,5}\Z')


class Reading:
    """Images, classes and problems of one reading.

    Args:
        images: {image id: (height, width)}.
        classes: Names without the background, in the order of the masks' values.
        problems: Gets a line for each problem.
        former: {other name: class}, such as names that classes had before.
    """

    def __init__(
        self,
        images: Mapping[str, tuple[int, int]],
        classes: Sequence[str],
        problems: list[str],
        former: Mapping[str, str] | None = None,
    ) -> None:
        self.images, self.number = images, len(classes)
        self._problems = problems
        self._values = {_plain(name): k for k, name in enumerate(classes, start=1)}
        for other, name in (former or {}).items():
            self._values.setdefault(_plain(other), self._values[_plain(name)])
        self._unknown: set[str] = set()
        self._taken: dict[str, str] = {}
        self._by_name: dict[str, list[str]] = {}
        for image_id in images:
            self._by_name.setdefault(_folded(image_id.rpartition('/')[2]), []).append(image_id)

    def problem(self, text: str) -> None:
        """Add a line to the problems."""
        self._problems.append(text)

    def find(self, name: str) -> list[str]:
        """Return the ids of the images that a name may mean.

        Args:
            name: Path or link to an image, of which any end may be that of the image's id; its
                suffix may be left out, and upper case and Unicode's forms do not count.
        """
        path = _path_of(name)
        readings = [r for p in dict.fromkeys([path, unquote(path)]) for r in readings_of_upload(p)]
        for reading in readings:
            for text in (reading, _SUFFIX.sub('', reading)):
                if found := self._ending_with(text):
                    return found
        stored = (self._stored.get(_SUFFIX.sub('', _folded(reading))) for reading in readings)
        return next(filter(None, stored), [])

    @cached_property
    def _stored(self) -> dict[str, list[str]]:
        """{name: ids of the images that an upload stores under it}."""
        found: dict[str, list[str]] = {}
        for image_id in self.images:
            found.setdefault(stored_name(_folded(image_id.rpartition('/')[2])), []).append(image_id)
        return found

    def _ending_with(self, text: str) -> list[str]:
        folded = f'/{_folded(text)}'
        found = [
            image_id
            for image_id in self._by_name.get(folded.rpartition('/')[2], [])
            if folded.endswith(f'/{_folded(image_id)}') or f'/{_folded(image_id)}'.endswith(folded)
        ]
        same = [image_id for image_id in found if image_id == text]
        # the longest that the name ends with says most
        inside = [i for i in found if folded.endswith(f'/{_folded(i)}')]
        longest = [i for i in inside if len(i) == max(map(len, inside))]
        return same or longest or found

    def take(self, name: str, where: str, size: tuple[object, object] | None = None) -> str | None:
        """Return the id of the image of an entry, or report why the entry cannot be used.

        Args:
            name: Path or link to the image.
            where: Place of the entry, for messages.
            size: Height and width that the entry says, if it does.
        """
        found = self.find(name)
        if len(found) != 1:
            several = ' or '.join(map(shown_name, found[:3]))
            problem = f'may be {several}' if found else 'is none of the images'
            self.problem(f'{where}: image {shown_name(name)} {problem}; left out')
            return None
        [image_id] = found
        if size is not None and not self.fits(image_id, size, where):
            return None
        if image_id in self._taken:
            self.problem(
                f'{where}: image {shown_name(image_id)} stands in {self._taken[image_id]} already; '
                'left out'
            )
            return None
        self._taken[image_id] = where
        return image_id

    def fits(self, image_id: str, size: Sequence[object], where: str) -> bool:
        """Return whether an entry is of its image's height and width; report it if not."""
        height, width = self.images[image_id]
        if tuple(size) == (height, width):
            return True
        self.problem(
            f'{where}: {_shown(size[1])} x {_shown(size[0])} pixels, but the image has '
            f'{width} x {height}; left out'
        )
        return False

    def is_known(self, name: str) -> bool:
        """Tell whether a name is that of a class, of the background or of ignored pixels."""
        plain = _plain(name)
        return plain in self._values or plain.lower() in _BACKGROUND | _IGNORED

    def value(self, name: str, where: str) -> int:
        """Return the value of a class; that of ignored pixels, reported once, if it is unknown.

        Args:
            name: What the entry calls it.
            where: Place of the entry, for messages.
        """
        plain = _plain(name)
        if plain in self._values:
            return self._values[plain]
        if plain.lower() in _BACKGROUND:
            return 0
        if not self.is_known(name) and plain not in self._unknown:
            self._unknown.add(plain)
            self.problem(
                f'{where}: {shown_name(name)} is none of the {counted(self.number, "class")}; its '
                'pixels are ignored, here and wherever else it stands'
            )
        return IGNORE_INDEX

    def no_region(self, image_id: str, where: str) -> None:
        """Report that of an image nothing could be read, so that it is not background either."""
        self.problem(
            f'{where}: image {shown_name(image_id)} has no region that is a mask of a class; it '
            'is left out'
        )

    def canvas(self, image_id: str) -> np.ndarray:
        """Return an empty mask of an image, on which regions are painted in their order."""
        wide = self.number >= IGNORE_INDEX
        return np.zeros(self.images[image_id], np.uint16 if wide else np.uint8)

    def translated(self, mask: np.ndarray, values: Sequence[int]) -> np.ndarray:
        """Return a mask whose values are those of the project.

        Args:
            mask: Values of a file; 255 stays.
            values: What each of them becomes.
        """
        table = np.full(max(len(values), IGNORE_INDEX + 1), IGNORE_INDEX, np.int64)
        table[: len(values)] = values
        table[IGNORE_INDEX] = IGNORE_INDEX
        return table[mask].astype(np.uint16 if self.number >= IGNORE_INDEX else np.uint8)


class Canvas:
    """Mask of an image on which regions are painted in their order.

    Args:
        reading: Images, classes and problems.
        image_id: The image.
    """

    def __init__(self, reading: Reading, image_id: str) -> None:
        self._reading, self._image_id = reading, image_id
        self._mask = reading.canvas(image_id)
        self._painted = self._rejected = 0

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        height, width = self._mask.shape
        return height, width

    def paint(self, patches: Iterable[Patch], label: str, where: str) -> None:
        """Paint a region of a class; ``where`` is its place, for messages."""
        value = self._reading.value(label, where)
        for patch in patches:
            patch.paint(self._mask, value)
        if self._reading.is_known(label):
            self._painted += 1
        else:
            self._rejected += 1

    def reject(self, reason: object, where: str) -> None:
        """Report why an entry is no region."""
        self._reading.problem(f'{where}: {reason}; left out')
        self._rejected += 1

    def finish(self, where: str, single: bool = False) -> Iterator[tuple[str, np.ndarray]]:
        """Yield the image and its mask, unless nothing of the image could be painted.

        Args:
            where: Place of the image, for messages.
            single: Whether somebody made a file or task for this image alone. Other files list all
                images, so that one without regions may be one that nobody has looked at.
        """
        if self._rejected and not self._painted:
            self._reading.no_region(self._image_id, where)
            return
        if not self._painted and not single:
            shown = f'{where}: image {shown_name(self._image_id)}'
            self._reading.problem(f'{shown} has no region: it is read as background')
        yield self._image_id, self._mask


def is_lost(mask: np.ndarray, unknown: Iterable[int], found: np.ndarray) -> bool:
    """Tell whether a mask has unknown classes, and none that is known.

    Args:
        mask: Values or colours of a file, ``(H, W)``.
        unknown: Those of unknown classes.
        found: The mask in the values of the project.
    """
    has_class = ((found != 0) & (found != IGNORE_INDEX)).any()
    return not has_class and bool(np.isin(mask, [*unknown]).any())


def _shown(number: object) -> str:
    return str(number) if isinstance(number, (int, float)) else shown_name(str(number))


def _plain(name: str) -> str:
    return unicodedata.normalize('NFC', name).strip()


def _folded(text: str) -> str:
    return unicodedata.normalize('NFC', text).casefold()


def _path_of(name: str) -> str:
    """Return the path of an image's name, which may be a link or one of Windows."""
    if '?d=' in name:
        name = unquote(name.partition('?d=')[2])
    elif re.match(r'[a-z][a-z0-9+.-]+://', name) or name.startswith('/data/'):
        name = unquote(urlsplit(name).path)
    parts = unicodedata.normalize('NFC', name).replace('\\', '/').split('/')
    return '/'.join(part for part in parts if part not in ('', '.', '..'))
