"""Open the file of an image: what it is, how large it may be, and how EXIF turns it."""

import contextlib
import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from qaclims_mm.errors import QAClimsError
from qaclims_mm.schemas.files import problem_of_file

# 16,384 x 16,384
MAX_PIXELS = 2**28
# above this number Pillow warns, above twice of it it refuses
_LIMIT_OF_PILLOW = 1024**3 // 4 // 3
# of a file that is cut off: younger ones may be on their way
_FRESH_SECONDS = 60
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# what Pillow's readers raise of bytes that are not what they should be
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    OverflowError,
    struct.error,
    Image.DecompressionBombError,
)
# what a file without an image may be, by its first bytes
_OTHERS = (
    (b'PK\x03\x04', 'an archive or an Office document'),
    (b'\x1f\x8b', 'an archive'),
    (b'%PDF', 'a PDF document'),
    (b'version https://git-lfs', 'a pointer of Git LFS, whose image "git lfs pull" fetches'),
    (b'<!doctype html', 'a web page'),
    (b'<html', 'a web page'),
    (b'<?xml', 'XML'),
    (b'<svg', 'SVG'),
    (b'II*\0', 'a TIFF of an unknown kind; save it with 8 bits a channel'),
    (b'MM\0*', 'a TIFF of an unknown kind; save it with 8 bits a channel'),
)
_HEIF_BRANDS = (b'heic', b'heix', b'hevc', b'heim', b'heis', b'mif1', b'msf1')


@contextlib.contextmanager
def open_image(path: str | Path) -> Iterator[Image.Image]:
    """Open an image file; its pixels are decoded by what stands in the block.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: If it is missing.
        OSError: If it is no image, is broken, has more pixels than ``MAX_PIXELS``, or changes
            while it is read; the message completes "image x cannot be read (...)".
    """
    problem = problem_of_file(path)
    # opened, a pipe would wait for ever
    if problem and problem != 'is missing':
        raise OSError(f'it {problem}')
    before = os.stat(path)
    _allow_large_images()
    _register_heif()
    try:
        with Image.open(path) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise OSError(
                    f'it has {width} x {height} pixels, more than {MAX_PIXELS:,}; cut it into tiles'
                )
            yield image
    except (FileNotFoundError, QAClimsError):
        raise
    except _BROKEN as error:
        raise OSError(_reason(path, before, error)) from error
    if _has_changed(path, before):
        raise OSError('it changed while it was read; is it still being written?')


def orientation_of(image: Image.Image) -> tuple[int, bool]:
    """Return how EXIF turns an image, and whether its EXIF data are whole.

    Args:
        image: As it was opened, before its pixels are decoded; a PNG is decoded here.

    Returns:
        1 to 8, 1 where EXIF says nothing that is valid; and ``False`` for data that are broken.
    """
    # pillow-heif has turned it already, as the format itself says
    if image.format in ('HEIF', 'HEIC'):
        return 1, True
    if image.format == 'PNG':
        # they may lie behind its pixels, and what is wrong with those is not wrong with EXIF
        image.load()
    try:
        found = image.getexif()
        value = found.get(_ORIENTATION, 1)
    except _BROKEN:
        return 1, False
    is_whole = bool(found) or not image.info.get('exif')
    return (value if value in range(1, 9) else 1), is_whole


def read_size(path: str | Path, oriented: bool) -> tuple[int, int]:
    """Return height and width of an image.

    Args:
        path: The file.
        oriented: Whether it is turned as its EXIF data say.

    Raises:
        OSError: If it cannot be read; its pixels are not looked at.
    """
    with open_image(path) as image:
        width, height = image.size
        # the size of a TIFF is that of the turned image
        swapped = oriented != (image.format == 'TIFF') and orientation_of(image)[0] >= 5
        return (width, height) if swapped else (height, width)


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """Return an image turned as EXIF's orientation says."""
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def turned_back(image: Image.Image, orientation: int) -> Image.Image:
    """Return an image as it was before ``turned``."""
    return turned(image, {6: 8, 8: 6}.get(orientation, orientation))


def _allow_large_images() -> None:
    """Raise Pillow's own limit; one that somebody has set stays."""
    if Image.MAX_IMAGE_PIXELS == _LIMIT_OF_PILLOW:
        Image.MAX_IMAGE_PIXELS = MAX_PIXELS


def _register_heif() -> None:
    """Let Pillow open HEIC and HEIF, if pillow-heif is installed."""
    if 'HEIF' in Image.OPEN:
        return
    with contextlib.suppress(ImportError):
        import pillow_heif

        # a thumbnail or a depth image beside the picture is not decoded
        pillow_heif.register_heif_opener(thumbnails=False, depth_images=False)


def _has_changed(path: str | Path, before: os.stat_result) -> bool:
    try:
        after = os.stat(path)
    except OSError:
        return True
    return (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns)


def _reason(path: str | Path, before: os.stat_result, error: Exception) -> str:
    """Say why an image cannot be read."""
    if _has_changed(path, before):
        return 'it changed while it was read; is it still being written?'
    if before.st_size == 0:
        return 'it is empty'
    if isinstance(error, Image.DecompressionBombError):
        return f'it has more than {Image.MAX_IMAGE_PIXELS:,} pixels; cut it into tiles'
    if isinstance(error, UnidentifiedImageError):
        return _kind(path)
    text = str(error) or type(error).__name__
    is_fresh = 0 <= time.time() - before.st_mtime < _FRESH_SECONDS
    return f'{text}; is it still being written?' if 'truncated' in text and is_fresh else text


def _kind(path: str | Path) -> str:
    """Say what a file is that Pillow knows nothing of."""
    with Path(path).open('rb') as file:
        head = file.read(32)
    if head[4:8] == b'ftyp' and head[8:12] in _HEIF_BRANDS and 'HEIF' not in Image.OPEN:
        return "it is HEIC, for which pillow-heif is missing: pip install 'qaclims_mm[heic]'"
    if head[4:12] == b'ftypavif' and 'AVIF' not in Image.OPEN:
        return "it is AVIF, which this Pillow cannot read: pip install 'pillow>=11.3'"
    other = next((name for start, name in _OTHERS if head.lower().startswith(start.lower())), '')
    return f'it is {other}' if other else 'it is no image, or of an unknown kind'
