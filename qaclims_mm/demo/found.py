"""What the page shows of an image: maps, masks, questions and answers.

Shapes: n classes of an image of H by W pixels.
"""

from dataclasses import dataclass

import numpy as np
import torch

from qaclims_mm.functional.cam import mask_of_cams


@dataclass(frozen=True)
class Found:
    """What was found in an image.

    Attributes:
        image: RGB uint8 ``(H, W, 3)``.
        size: Height and width of its file.
        classes: Names of the n classes.
        class_indices: Their indices, ``(n,)``.
        cams: Maps in [0, 1], float32 ``(n, H, W)``.
        refined: The same after the refiner; those of ``cams`` if there is none.
        segmented: Mask of the segmentor, uint8 or uint16 ``(H, W)``; ``None`` if there is none.
        values: Names of the values of ``segmented``, the background first.
    """

    image: np.ndarray
    size: tuple[int, int]
    classes: tuple[str, ...]
    class_indices: np.ndarray
    cams: np.ndarray
    refined: np.ndarray
    segmented: np.ndarray | None = None
    values: tuple[str, ...] = ()

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        arrays = {
            id(a): a.nbytes
            for a in (self.image, self.cams, self.refined, self.segmented)
            if a is not None
        }
        return sum(arrays.values())

    def mask(self, threshold: float, refined: bool) -> np.ndarray:
        """Return the mask, uint8 or uint16 ``(H, W)``: 0 background, k + 1 classes."""
        maps = torch.from_numpy(self.refined if refined else self.cams)
        mask = mask_of_cams(maps, torch.from_numpy(self.class_indices), threshold).numpy()
        return mask.astype(np.uint8 if mask.max(initial=0) <= 255 else np.uint16)


@dataclass(frozen=True)
class Explained:
    """All that the page shows of an image and its classes.

    Attributes:
        found: Maps and masks.
        answers: Rows of class, kind, question and answer.
    """

    found: Found
    answers: tuple[tuple[str, str, str, str], ...]

    @property
    def nbytes(self) -> int:
        """Size of its arrays in bytes."""
        return self.found.nbytes
