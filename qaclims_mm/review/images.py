"""Sizes of image files, which are opened when they are asked for."""

from collections.abc import Iterator, Mapping

from PIL import Image

from qaclims_mm.datasets.read_image import UNREADABLE

# the EXIF field that says how an image is turned, and the first value that swaps its sides
_ORIENTATION, _SWAPPED = 0x0112, 5


class ImageSizes(Mapping[str, tuple[int, int]]):
    """{image_id: (height, width)} of images as they are seen; (0, 0) of a broken file.

    Args:
        paths: {image_id: file}.
        oriented: Whether images are turned as their EXIF data say.
    """

    def __init__(self, paths: Mapping[str, str], oriented: bool) -> None:
        self.paths, self.oriented = paths, oriented

    def __getitem__(self, image_id: str) -> tuple[int, int]:
        path = self.paths[image_id]
        try:
            with Image.open(path) as image:
                width, height = image.size
                turned = self.oriented and image.getexif().get(_ORIENTATION, 1) >= _SWAPPED
        except (*UNREADABLE, ValueError):
            # no mask fits it
            return 0, 0
        return (width, height) if turned else (height, width)

    def __iter__(self) -> Iterator[str]:
        return iter(self.paths)

    def __len__(self) -> int:
        return len(self.paths)
