"""The pixels of a mask as any tool wrote them: numbers, or colours as numbers."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from qaclims_mm.errors import DataError
from qaclims_mm.schemas.image_file import open_image
from qaclims_mm.schemas.names import counted, shown_text

# more are no classes: a photograph, or colours that a lossy format has mixed
_MOST_SYMBOLS = 4096
_LOSSY = ('JPEG', 'MPO', 'WEBP', 'AVIF', 'HEIF')
_NUMBERS = ('1', 'L', 'P', 'I', 'F')


class _UnclearError(DataError):
    """A mask whose pixels may mean several things; the message completes "x.png: ..."."""


class Pixels(NamedTuple):
    """A mask.

    Attributes:
        symbols: int32 ``(H, W)``: numbers, or colours as 65536 red + 256 green + blue.
        coloured: Whether they are colours.
        palette: Colour of each number, int32 ``(256,)``; ``None`` without a palette.
        plain: Whether ``schemas.read_mask`` reads the same numbers.
    """

    symbols: np.ndarray
    coloured: bool
    palette: np.ndarray | None
    plain: bool

    def count_symbols(self) -> dict[int, int]:
        """Return {symbol: number of pixels}."""
        found, counts = np.unique(self.symbols, return_counts=True)
        return dict(zip(found.tolist(), counts.tolist(), strict=True))

    def as_colours(self) -> np.ndarray:
        """Return the symbols as colours; a number without a palette is a grey."""
        if self.coloured:
            return self.symbols
        if self.palette is not None:
            return self.palette[self.symbols]
        return self.symbols * 0x010101


def read_pixels(path: str | Path) -> Pixels:
    """Read a mask of any lossless kind.

    Args:
        path: The file.

    Raises:
        DataError: If it cannot be read, or its pixels cannot be classes.
    """
    try:
        with open_image(path) as image:
            if image.format in _LOSSY:
                raise _UnclearError(
                    f'is {image.format}, whose colours are not exact; export the masks as PNG'
                )
            if getattr(image, 'n_frames', 1) > 1:
                raise _UnclearError('has several pages; a mask has one')
            pixels = _pixels_of(image)
    except _UnclearError as error:
        raise DataError(f'{shown_text(path)}: {error}') from error
    except OSError as error:
        raise DataError(f'{shown_text(path)} is not a readable mask ({error})') from error
    number = len(np.unique(pixels.symbols))
    if number > _MOST_SYMBOLS:
        raise DataError(
            f'{shown_text(path)}: has {number:,} different '
            f'{"colours" if pixels.coloured else "values"}; is it a photograph or an overlay?'
        )
    return pixels


def colour_of(symbol: int) -> tuple[int, int, int]:
    """Return red, green and blue of a colour's symbol."""
    return symbol >> 16, (symbol >> 8) & 255, symbol & 255


def symbol_of(red: int, green: int, blue: int) -> int:
    """Return the symbol of a colour."""
    return (red << 16) | (green << 8) | blue


def _pixels_of(image: Image.Image) -> Pixels:
    """Return the pixels of an open image.

    Raises:
        _UnclearError: If its channels may mean several things.
    """
    if image.format == 'GIF':
        # its numbers are those of colours in the order in which they were met
        image = image.convert('RGB')
    mode = image.mode
    if mode in _NUMBERS or mode.startswith('I;16'):
        palette = _palette_of(image) if mode == 'P' else None
        plain = mode in ('L', 'P') or mode.startswith('I;16')
        is_png = image.format == 'PNG'
        return Pixels(_whole(np.asarray(image)), False, palette, plain and is_png)
    if mode in ('LA', 'PA', 'RGBA'):
        # of a palette with transparency the colours count
        channels = np.asarray(image.convert('RGBA') if mode == 'PA' else image)
        coloured = mode != 'LA'
        symbols = _colours(channels) if coloured else channels[..., 0].astype(np.int32)
        return Pixels(_without_alpha(symbols, channels[..., -1]), coloured, None, False)
    if mode == 'RGB':
        return Pixels(_colours(np.asarray(image)), True, None, False)
    raise _UnclearError(f'its mode is {mode}; export it as PNG with a palette or in RGB')


def _whole(values: np.ndarray) -> np.ndarray:
    """Return numbers as integers.

    Raises:
        _UnclearError: If they are not whole, or no numbers of classes.
    """
    if values.dtype.kind == 'f' and not (np.isfinite(values).all() and not (values % 1).any()):
        raise _UnclearError(
            f'holds floating-point numbers from {values.min():.6g} to {values.max():.6g} that are '
            'not whole; give every pixel the number of its class'
        )
    if values.size and values.min() < 0:
        raise _UnclearError(f'holds the number {values.min()}; a class has a positive one')
    if values.size and values.max() > 0xFFFFFF:
        raise _UnclearError(f'holds the number {values.max()}, too large for a class')
    return values.astype(np.int32)


def _colours(channels: np.ndarray) -> np.ndarray:
    red, green, blue = (channels[..., k].astype(np.int32) for k in range(3))
    return (red << 16) | (green << 8) | blue


def _palette_of(image: Image.Image) -> np.ndarray:
    flat = image.getpalette('RGB') or []
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(flat) // 3] = np.reshape(flat, (-1, 3))
    return _colours(palette)


def _without_alpha(symbols: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return symbols where transparent pixels are 0.

    Raises:
        _UnclearError: If the last channel says anything that the others do not.
    """
    levels = np.unique(alpha)
    if not set(levels.tolist()) <= {0, 255}:
        raise _UnclearError(
            f'its last channel holds {counted(len(levels), "value")}, such as '
            f'{levels[levels > 0][0]}; if these number the objects, export a mask of the classes '
            'alone, else one without transparency'
        )
    clear = set(np.unique(symbols[alpha == 0]).tolist())
    seen = set(np.unique(symbols[alpha == 255]).tolist())
    if clear <= {0}:
        return symbols
    # one colour that is nowhere opaque is that of the background
    if len(clear) == 1 and seen and not (seen & {0, *clear}):
        return np.where(alpha == 0, 0, symbols).astype(np.int32)
    raise _UnclearError(
        'is transparent where it has colours, and whether these count is not known; export it '
        'without transparency'
    )
