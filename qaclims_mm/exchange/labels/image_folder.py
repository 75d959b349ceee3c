"""The images of a folder, found by what people's tables and tools call them."""

import itertools
import os
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from qaclims_mm.exchange.uploads import readings_of_upload, stored_name
from qaclims_mm.schemas.images import SUFFIXES, find_images, path_below
from qaclims_mm.schemas.names import shown_name, shown_text

# of the paths that may have been meant
_SHOWN = 3
OUTSIDE = 'is outside the folder'
SEVERAL = 'may be several'
_ADDRESS = re.compile(r'[A-Za-z][A-Za-z0-9+.-]+://')


class Found(NamedTuple):
    """An image that was found.

    Attributes:
        name: Path below the folder.
        exact: Whether the whole path led to it, apart from suffix, case and Unicode form.
    """

    name: str
    exact: bool


class ImageNameError(ValueError):
    """A name leads to no image, or to several.

    Args:
        message: What is wrong.
        kind: The same without the name.
    """

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


class _Index:
    """Images by their keys: whole paths, and all ends of paths."""

    def __init__(self, names: Sequence[str], form: Callable[[str], str]) -> None:
        self._form = form
        self.paths: dict[str, list[str]] = {}
        self.ends: dict[str, list[str]] = {}
        for name in names:
            key = self.key(name)
            self.paths.setdefault(key, []).append(name)
            for end in _ends(key):
                self.ends.setdefault(end, []).append(name)

    def key(self, path: str) -> str:
        """Return a path without the suffix of an image, in lower case and in one form."""
        pure = PurePosixPath(path)
        pure = pure.with_suffix('') if pure.suffix.lower() in SUFFIXES else pure
        return self._form(pure.as_posix()).lower()


def _ends(path: str) -> list[str]:
    """Return the ends of a path, the longest first: ``a/b/c``, ``b/c``, ``c``."""
    parts = path.split('/')
    return ['/'.join(parts[start:]) for start in range(len(parts))]


class ImageFolder:
    """The images below a folder.

    Attributes:
        root: The folder.
        names: The paths of all images below it.

    Args:
        root: The folder.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self.names = [path.relative_to(root).as_posix() for path in find_images(root)]

    @cached_property
    def _strict(self) -> _Index:
        return _Index(self.names, partial(unicodedata.normalize, 'NFC'))

    @cached_property
    def _tolerant(self) -> list[_Index]:
        nfkc = partial(unicodedata.normalize, 'NFKC')
        return [self._strict, *(_Index(self.names, form) for form in (nfkc, stored_name))]

    def find(self, image: str) -> Found:
        """Find an image.

        Args:
            image: Path below the folder, whose suffix may be left out, whose case and Unicode form
                may be other ones, or an absolute one that leads there. Else a path with folders
                before it or without those that lead to it, an address, or a path of Label Studio,
                if that leads to one image alone.

        Raises:
            ImageNameError: If it is missing, or may be one of several.
        """
        below = outside = ''
        try:
            below = path_below(image, self.root)
            if (self.root / below).is_file():
                return Found(below, True)
        except OSError as error:
            text = f'image {shown_name(image)} cannot be a file ({error.strerror})'
            raise ImageNameError(text, 'cannot be a file') from error
        except ValueError as error:
            outside = str(error)
            # another file, though its name may be that of an image
            if os.path.isfile(self.root / image):
                raise ImageNameError(outside, OUTSIDE) from error
        if below and (found := self._of_path(below)):
            return Found(found, True)
        if found := self._by_end(image):
            return Found(found, False)
        if outside:
            raise ImageNameError(outside, OUTSIDE)
        raise ImageNameError(self._missing(below), 'is missing')

    def _of_path(self, path: str) -> str:
        """Return the image of a whole path below the folder, or ''."""
        if found := self._strict.paths.get(self._strict.key(path)):
            return _one_of(path, found)
        nfkc = self._tolerant[1]
        found = nfkc.paths.get(nfkc.key(path))
        return _one_of(path, found) if found else ''

    def _by_end(self, image: str) -> str:
        """Return the image whose path ends as a name does, or whose whole path is its end; or ''.

        All that a name may mean is tried in the strictest form first.
        """
        readings = list(_readings(image))
        for index, path in itertools.product(self._tolerant, readings):
            key = index.key(path)
            found = index.ends.get(key) or next(
                (index.paths[end] for end in _ends(key)[1:] if end in index.paths), None
            )
            if found:
                return _one_of(path, found)
        return ''

    def _missing(self, path: str) -> str:
        """Say that an image is missing, and which may have been meant."""
        index = self._strict
        near = index.ends.get(index.key(PurePosixPath(path).name), [])[:_SHOWN]
        meant = f' (is it {" or ".join(map(shown_text, near))}?)' if near else ''
        return f'image {shown_text(self.root / path)} is missing{meant}'


def _one_of(image: str, found: Sequence[str]) -> str:
    """Return the only image that is found, or the only one with the same suffix.

    Raises:
        ImageNameError: If there are several.
    """
    suffix = PurePosixPath(image).suffix.lower()
    alike = [name for name in found if PurePosixPath(name).suffix.lower() == suffix]
    for one in (found, alike):
        if len(one) == 1:
            return one[0]
    # names of different Unicode forms look the same unless they are escaped
    same = len({unicodedata.normalize('NFC', name) for name in found}) < len(found)
    several = ' or '.join(map(ascii if same else shown_text, found[:_SHOWN]))
    raise ImageNameError(f'image {shown_text(image)} may be {several}', SEVERAL)


def _readings(image: str) -> Iterator[str]:
    """Yield the paths that an image's name may mean: as it is, in an address, percent-encoded."""
    texts = [image]
    if '?' in image or _ADDRESS.match(image):
        texts += _parts_of_address(image)
    for text in dict.fromkeys([*texts, *map(unquote, texts)]):
        parts = [p for p in text.replace('\\', '/').split('/') if p not in ('', '.', '..')]
        if parts:
            yield from readings_of_upload('/'.join(parts))


def _parts_of_address(image: str) -> list[str]:
    try:
        parts = urlsplit(image)
    except ValueError:
        return []
    # Label Studio's local files: /data/local-files/?d=images/a.jpg
    return [*parse_qs(parts.query).get('d', []), parts.path]
