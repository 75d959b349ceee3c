"""Images of every kind as RGB."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from qaclims_mm.errors import RecordError
from qaclims_mm.schemas.image_file import open_image, orientation_of, turned, turned_back

# what Pillow raises about a file, beside ValueError, which may have other reasons
UNREADABLE = (OSError, SyntaxError, Image.DecompressionBombError)

# what is worth saying of a file that is read, see ``Decoded.remarks``
BROKEN_EXIF = 'have broken EXIF data: nothing is turned'
FRAMES = 'have several pages or frames; the first one is read'
FLOATS = 'hold floating-point numbers; 0 is read as black and 1, or 255 of whole numbers, as white'
DARK = (
    'have 16 bits but no value above 4095, which is nearly black; if the values are of 12 bits, '
    'multiply them by 16'
)

# modes whose values are wider than a byte
_WIDE = ('I', 'I;16', 'I;16B', 'I;16L')
_BRIGHTEST_12 = 4095
# phones put a preview behind the picture (MPO)
_ANIMATED = ('TIFF', 'GIF', 'PNG', 'WEBP', 'AVIF')


class Decoded(NamedTuple):
    """An image.

    Attributes:
        rgb: uint8 ``(H, W, 3)``.
        size: Height and width before it was made smaller.
        orientation: How EXIF turns it, 1 to 8.
        remarks: What is worth saying of the file, some of ``BROKEN_EXIF``, ``FRAMES``, ``FLOATS``
            and ``DARK``.
    """

    rgb: np.ndarray
    size: tuple[int, int]
    orientation: int
    remarks: tuple[str, ...]


def decode_image(path: str | Path, oriented: bool = False, max_side: int | None = None) -> Decoded:
    """Read an image as ``read_image`` does, and say what is strange of its file.

    Args:
        path: The file.
        oriented: Whether it is turned as its EXIF data say.
        max_side: Longest side in pixels.

    Raises:
        OSError: If the file is missing or cannot be read, or its values have no known range.
    """
    with open_image(path) as image:
        # decoded, an image no longer says so
        is_wide = any(';16' in str(tile) for tile in getattr(image, 'tile', ()))
        orientation, exif_is_whole = orientation_of(image)
        remarks = [] if exif_is_whole else [BROKEN_EXIF]
        if image.format in _ANIMATED and getattr(image, 'n_frames', 1) > 1:
            remarks.append(FRAMES)
        full = image.size
        if max_side is not None:
            # a JPEG is decoded at the next size that is large enough, which takes less time
            image.draft('RGB', (max_side, max_side))
        # Pillow turns these when it decodes them, and no others
        turns_itself = image.format == 'TIFF'
        rgb = _to_rgb(image, remarks)
        # of 16 bits a channel Pillow decodes the upper ones
        if is_wide and image.mode not in _WIDE and np.asarray(rgb).max() <= _BRIGHTEST_12 >> 8:
            remarks.append(DARK)
        if oriented != turns_itself:
            rgb = (turned if oriented else turned_back)(rgb, orientation)
            full = full[::-1] if orientation >= 5 else full
    if max_side is not None and max(rgb.size) > max_side:
        factor = max_side / max(full)
        target = (max(1, round(full[0] * factor)), max(1, round(full[1] * factor)))
        rgb = rgb.resize(target, Image.Resampling.BICUBIC, reducing_gap=2.0)
    return Decoded(np.asarray(rgb), full[::-1], orientation, tuple(remarks))


def read_image(
    path: str | Path, oriented: bool = False, max_side: int | None = None
) -> tuple[np.ndarray, tuple[int, int]]:
    """Read an image as people see it.

    Of several frames the first is read, transparent pixels lie on white, 16 bits become 8, and
    broken EXIF data turn nothing.

    Args:
        path: The file.
        oriented: Whether it is turned as its EXIF data say; the masks of VOC and COCO are not.
            HEIC is always turned, by its own header.
        max_side: Longest side in pixels; a larger image is made smaller (its aspect is kept).

    Returns:
        RGB uint8 ``(H, W, 3)``, and height and width before it was made smaller.

    Raises:
        OSError: If the file is missing or cannot be read, or its values have no known range.
    """
    return decode_image(path, oriented, max_side)[:2]


def unreadable(path: str | Path, error: Exception) -> RecordError:
    """Return what a data set reports of an image whose reading ended in an error."""
    if isinstance(error, FileNotFoundError):
        return RecordError(f'image {path} is missing')
    return RecordError(f'image {path} cannot be read ({error}); replace it or take it off the list')


def _to_rgb(image: Image.Image, remarks: list[str]) -> Image.Image:
    """Return an image as RGB, and add what is strange of its values to the remarks."""
    if image.mode == 'F':
        remarks.append(FLOATS)
        return Image.fromarray(_bytes_of_floats(np.asarray(image))).convert('RGB')
    if image.mode in _WIDE:
        return Image.fromarray(_bytes_of_wide(image, remarks)).convert('RGB')
    if 'A' in image.getbands() or 'transparency' in image.info:
        seen = image.convert('RGBA')
        ground = Image.new('RGBA', seen.size, 'white')
        return Image.alpha_composite(ground, seen).convert('RGB')
    if image.mode == 'RGB':
        # a conversion would copy it
        image.load()
        return image
    return image.convert('RGB')


def _bytes_of_floats(values: np.ndarray) -> np.ndarray:
    """Return floats in [0, 1], or whole ones of a byte, as bytes.

    Raises:
        OSError: If they are neither.
    """
    low, high = values.min(), values.max()
    if low >= 0 and high <= 1:
        return (values * 255 + 0.5).astype(np.uint8)
    # written so that NaN is refused too
    if low >= 0 and high <= 255 and not (values % 1).any():
        return values.astype(np.uint8)
    raise OSError(
        f'its values are floating-point numbers from {low:.6g} to {high:.6g}, of no known range; '
        'save it with 8 or 16 bits'
    )


def _bytes_of_wide(image: Image.Image, remarks: list[str]) -> np.ndarray:
    """Return values of 16 bits as bytes.

    Raises:
        OSError: If they have more than 16 bits.
    """
    values = np.asarray(image)
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        raise OSError(f'its values are {low} to {high}, not of 16 bits')
    if 0 < high <= _BRIGHTEST_12:
        remarks.append(DARK)
    return ((values.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
