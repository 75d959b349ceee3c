"""Encode images as data URLs for endpoints."""

import base64
import io
import threading

import numpy as np
from PIL import Image

from qaclims_mm.errors import RecordError

QUALITY = 90


def data_url(image: np.ndarray, max_side: int | None = None) -> str:
    """Return an image as a data URL of JPEG.

    Args:
        image: RGB uint8, ``(H, W, 3)``.
        max_side: Longest side in pixels; a larger image is resized and keeps its aspect ratio.
    """
    picture = Image.fromarray(image)
    if max_side is not None:
        picture.thumbnail((max_side, max_side), Image.Resampling.BICUBIC)
    stream = io.BytesIO()
    picture.save(stream, 'JPEG', quality=QUALITY)
    return 'data:image/jpeg;base64,' + base64.b64encode(stream.getvalue()).decode('ascii')


class Picture:
    """An image that several requests send; it is encoded once, by the first.

    Args:
        image: RGB uint8, ``(H, W, 3)``.
        max_side: See ``data_url``.

    Attributes:
        refusal: Error with which the server refused the image.
    """

    def __init__(self, image: np.ndarray, max_side: int | None = None) -> None:
        self._image: np.ndarray | None = image
        self._max_side = max_side
        self._url = ''
        self._lock = threading.Lock()
        self.refusal: RecordError | None = None

    def url(self) -> str:
        """Return the data URL."""
        with self._lock:
            if self._image is not None:
                self._url, self._image = data_url(self._image, self._max_side), None
            return self._url
