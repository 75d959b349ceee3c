"""Sizes of image files, which are opened when they are asked for."""

from collections.abc import Iterator, Mapping

from qaclims_mm.schemas.image_file import read_size


class ImageSizes(Mapping[str, tuple[int, int]]):
    """{image_id: (height, width)} of images as they are seen; (0, 0) of a broken file.

    Args:
        paths: {image_id: file}.
        oriented: Whether images are turned as their EXIF data say.
    """

    def __init__(self, paths: Mapping[str, str], oriented: bool) -> None:
        self.paths, self.oriented = paths, oriented

    def __getitem__(self, image_id: str) -> tuple[int, int]:
        try:
            return read_size(self.paths[image_id], self.oriented)
        except OSError:
            # no mask fits it
            return 0, 0

    def __iter__(self) -> Iterator[str]:
        return iter(self.paths)

    def __len__(self) -> int:
        return len(self.paths)
