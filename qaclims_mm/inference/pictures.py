"""Images as they are handed to a network, read ahead of it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from qaclims_mm.datasets.read_image import decode_image
from qaclims_mm.errors import FormatError, RecordError
from qaclims_mm.schemas.names import shown_text

T = TypeVar('T')


@dataclass(frozen=True)
class Picture:
    """An image that was read.

    Attributes:
        image: Its file, or the pixels that were given.
        pixels: RGB uint8 ``(H, W, 3)``.
        size: Height and width of the file, which may be larger.
        orientation: How EXIF turns it, 1 to 8.
        remarks: What is strange of the file, see ``read_image.Decoded``.
    """

    image: Path | np.ndarray
    pixels: np.ndarray
    size: tuple[int, int]
    orientation: int = 1
    remarks: tuple[str, ...] = ()


def check_image(image: object) -> None:
    """Refuse an image that is neither a path nor an array.

    Raises:
        TypeError: If it has another type.
        FormatError: If it is an empty path, which would mean the current folder.
    """
    if not isinstance(image, (str, Path, np.ndarray)):
        raise TypeError(
            'an image must be a path or an RGB uint8 array (H, W, 3), but got '
            f"{type(image).__name__}; np.asarray(image.convert('RGB')) makes an array of an image "
            'of Pillow.'
        )
    if isinstance(image, str) and not image:
        raise FormatError('the path of an image is empty; give a file or a folder.')


def read_picture(
    image: str | Path | np.ndarray, reading: Mapping[str, Any], name: str = ''
) -> Picture:
    """Read an image.

    Args:
        image: File, or RGB uint8 ``(H, W, 3)``.
        reading: Options of ``read_image``.
        name: Name of the file in messages, by default its path.

    Raises:
        TypeError: If it is neither a path nor an array.
        FormatError: If its path is empty.
        RecordError: If it cannot be read or is no such array.
    """
    check_image(image)
    if isinstance(image, np.ndarray):
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise RecordError(
                f'an image must be RGB uint8 (H, W, 3), but got {image.dtype} {image.shape}.'
            )
        return Picture(image, image, image.shape[:2])
    try:
        decoded = decode_image(image, **reading)
    except OSError as error:
        shown = shown_text(name or image)
        raise RecordError(f'image {shown} cannot be read ({error}); replace it.') from error
    return Picture(Path(image), decoded.rgb, decoded.size, decoded.orientation, decoded.remarks)


def read_ahead(
    items: Iterable[T], read: Callable[[T], Picture]
) -> Iterator[tuple[T, Future[Picture]]]:
    """Yield items with what was read of each; the next one is read meanwhile, in a thread.

    Args:
        items: What is read; it is drawn in the caller's thread.
        read: Reads one.
    """
    with ThreadPoolExecutor(1, 'read') as pool:
        before: tuple[T, Future[Picture]] | None = None
        for item in items:
            now = item, pool.submit(read, item)
            if before:
                yield before
            before = now
        if before:
            yield before
