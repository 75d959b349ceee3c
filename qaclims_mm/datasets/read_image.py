"""Images of every kind as RGB."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from qaclims_mm.errors import RecordError
from qaclims_mm.schemas.files import problem_of_file

# what Pillow raises about a file, beside ValueError, which may have other reasons
UNREADABLE = (OSError, SyntaxError, Image.DecompressionBombError)

# modes whose values are wider than a byte
_WIDE = ('I', 'I;16', 'I;16B', 'I;16L')


def read_image(
    path: str | Path, oriented: bool = False, max_side: int | None = None
) -> tuple[np.ndarray, tuple[int, int]]:
    """Read an image as people see it.

    Of several frames the first is read, transparent pixels lie on white, and 16 bits become 8.

    Args:
        path: The file.
        oriented: Whether it is turned as its EXIF data say; the masks of VOC and COCO are not.
        max_side: Longest side in pixels; a larger image is made smaller (its aspect is kept).

    Returns:
        RGB uint8 ``(H, W, 3)``, and height and width before it was made smaller.

    Raises:
        OSError: If the file is missing or cannot be read, or its values have no known range.
        ValueError: The same, by what Pillow raises.
        SyntaxError: The same.
    """
    problem = problem_of_file(path)
    # opened, a pipe would wait for ever
    if problem and problem != 'is missing':
        raise OSError(f'it {problem}')
    with Image.open(path) as image:
        full = image.size
        if max_side is not None:
            # a JPEG is decoded at the next size that is large enough, which takes less time
            image.draft('RGB', (max_side, max_side))
        turned = oriented and image.getexif().get(0x0112, 1) >= 5
        width, height = full[::-1] if turned else full
        rgb = _to_rgb(ImageOps.exif_transpose(image) if oriented else image)
    if max_side is not None and max(rgb.size) > max_side:
        factor = max_side / max(width, height)
        target = (max(1, round(width * factor)), max(1, round(height * factor)))
        rgb = rgb.resize(target, Image.Resampling.BICUBIC, reducing_gap=2.0)
    return np.asarray(rgb), (height, width)


def unreadable(path: str | Path, error: Exception) -> RecordError:
    """Return what a data set reports of an image whose reading ended in an error."""
    if isinstance(error, FileNotFoundError):
        return RecordError(f'image {path} is missing')
    return RecordError(f'image {path} cannot be read ({error}); replace it or take it off the list')


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == 'F':
        raise OSError('its values are floating-point numbers of no known range')
    if image.mode in _WIDE:
        values = np.asarray(image).astype(np.int64)
        if values.min(initial=0) < 0 or values.max(initial=0) > 65535:
            raise OSError(f'its values are {values.min()} to {values.max()}, not of 16 bits')
        return Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8)).convert('RGB')
    if 'A' in image.getbands() or 'transparency' in image.info:
        seen = image.convert('RGBA')
        ground = Image.new('RGBA', seen.size, 'white')
        return Image.alpha_composite(ground, seen).convert('RGB')
    return image.convert('RGB')
