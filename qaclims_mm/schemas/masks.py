"""Masks: PNG, 0 background, k + 1 classes, 255 ignore; of a byte with a palette, or of two, grey.

Of more than 254 classes index 254, whose value would be 255, is nobody's.
"""

import contextlib
import zlib
from pathlib import Path

import numpy as np

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas.files import atomic_path, check_regular

IGNORE_INDEX = 255
_SIGNATURE = b'\x89PNG\r\n\x1a\n'


def voc_palette() -> list[int]:
    """Return VOC's 256 RGB colours as a flat list: the index's bits spread over the channels."""
    index = np.arange(256)
    palette = np.zeros((256, 3), dtype=np.int64)
    for bit in range(8):
        for channel in range(3):
            palette[:, channel] |= ((index >> (3 * bit + channel)) & 1) << (7 - bit)
    return palette.reshape(-1).tolist()


def write_mask(path: str | Path, mask: np.ndarray) -> None:
    """Write a palette PNG, or a grey one of 16 bits where a value is above 255.

    Raises:
        ValueError: If the mask is not 2-D or has a value outside 0..65535.
    """
    from PIL import Image

    if mask.ndim != 2 or (mask.size and not (mask.min() >= 0 and mask.max() <= 65535)):
        raise ValueError(
            f'a mask must be (H, W) with values in 0..65535, but got shape {mask.shape} for {path}.'
        )
    if mask.max(initial=0) > IGNORE_INDEX:
        image = Image.fromarray(mask.astype(np.uint16))
    else:
        image = Image.fromarray(mask.astype(np.uint8), mode='P')
        image.putpalette(voc_palette())
    with atomic_path(path) as temporary:
        image.save(temporary, format='PNG')


def update_mask(path: str | Path, mask: np.ndarray) -> bool:
    """Write a mask unless its file has it already; tells whether it was written.

    Raises:
        ValueError: As ``write_mask``.
    """
    with contextlib.suppress(FormatError, OSError):
        if np.array_equal(read_mask(path), mask):
            return False
    write_mask(path, mask)
    return True


def check_mask(path: str | Path) -> np.ndarray:
    """Read a mask as ``read_mask`` does, and compare the checksums of its file, as Pillow does not.

    Raises:
        FormatError: As ``read_mask``, or if a checksum does not match.
    """
    mask = read_mask(path)
    if not _is_whole(Path(path).read_bytes()):
        raise FormatError(f'{path} is a damaged PNG; make it again.')
    return mask


def _is_whole(content: bytes) -> bool:
    """Tell whether a file is a PNG whose parts match their checksums."""
    start = len(_SIGNATURE)
    is_whole = content.startswith(_SIGNATURE)
    # length, kind, data, checksum
    while is_whole and start < len(content):
        end = start + 8 + int.from_bytes(content[start : start + 4], 'big')
        checksum = zlib.crc32(content[start + 4 : end])
        is_whole = content[end : end + 4] == checksum.to_bytes(4, 'big')
        start = end + 4
    return is_whole


def resize_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return a mask at another height and width, by the nearest pixels."""
    rows, columns = (
        (2 * np.arange(new) + 1) * old // (2 * new)
        for new, old in zip(size, mask.shape, strict=True)
    )
    return mask[rows][:, columns]


def read_mask(path: str | Path) -> np.ndarray:
    """Read a mask, uint8 or uint16 ``(H, W)``, from a palette or grey PNG.

    Raises:
        FormatError: If it is not an image of one channel, is truncated, or claims more pixels than
            Pillow decodes.
    """
    # Pillow takes time to import
    from qaclims_mm.schemas.image_file import open_image

    check_regular(path, 'make it again')
    try:
        with open_image(path) as image:
            if image.mode.startswith('I;16'):
                return np.array(image, dtype=np.uint16)
            if image.mode not in ('P', 'L'):
                raise FormatError(
                    f'{path} must be a palette or grey PNG, but its mode is {image.mode}.'
                )
            return np.array(image, dtype=np.uint8)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise FormatError(f'{path} is not a readable mask ({error}); make it again.') from error
