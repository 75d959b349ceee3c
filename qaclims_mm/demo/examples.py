"""Pictures of MiniWorld to try the page with."""

import functools
from dataclasses import dataclass

import numpy as np

from qaclims_mm.miniworld.generate import make_picture

# a world that no network was trained on
SEED = 999
# side of a picture in pixels
SIZE = 112


@dataclass(frozen=True)
class Example:
    """A picture of MiniWorld.

    Attributes:
        index: Number of the picture in its world.
        pixels: RGB uint8 ``(SIZE, SIZE, 3)``.
        classes: Names of the classes in it.
    """

    index: int
    pixels: np.ndarray
    classes: tuple[str, ...]

    @property
    def caption(self) -> str:
        """Name of the classes."""
        return ', '.join(self.classes)


@functools.lru_cache(maxsize=64)
def draw_example(index: int) -> Example:
    """Draw a picture; the last ones are kept, 38 kB each."""
    scene, picture = make_picture(seed=SEED, index=index, size=SIZE)
    classes = sorted({thing.class_name for thing in scene.objects})
    return Example(index, picture.image, tuple(classes))


def draw_examples(start: int, count: int) -> list[Example]:
    """Draw pictures, no two of which have the same classes.

    Args:
        start: Number of the first picture.
        count: Number of pictures.
    """
    found: dict[tuple[str, ...], Example] = {}
    index = start
    while len(found) < count:
        example = draw_example(index)
        found.setdefault(example.classes, example)
        index += 1
    return list(found.values())
