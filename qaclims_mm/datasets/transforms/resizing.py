"""Random sizes and crops of training images and, where they are loaded, of their masks."""

import numpy as np
from mmcv.transforms import BaseTransform
from PIL import Image

from qaclims_mm.registry import TRANSFORMS


def random_integer(low: int, high: int) -> int:
    """Draw from ``low`` to ``high``, both included, as mmcv's transforms draw."""
    # mmengine seeds numpy's global state in every worker
    return int(np.random.randint(low, high + 1))  # noqa: NPY002


def resize_to(results: dict, height: int, width: int) -> None:
    """Resize ``img`` (bicubic) and, if it is there, ``gt_seg_map`` (nearest); set ``img_shape``."""
    for key, how in (
        ('img', Image.Resampling.BICUBIC),
        ('gt_seg_map', Image.Resampling.NEAREST),
    ):
        if key in results:
            results[key] = np.asarray(Image.fromarray(results[key]).resize((width, height), how))
    results['img_shape'] = (height, width)


@TRANSFORMS.register_module()
class RandomScale(BaseTransform):
    """Resizes ``img`` and ``gt_seg_map`` by a random factor.

    Args:
        min_factor: Smallest factor.
        max_factor: Largest factor.

    Raises:
        ValueError: If the factors are not positive and ascending.

    Source:
        misc/imutils.py of IRN, ``random_scale``: 0.5 to 1.5.
    """

    def __init__(self, min_factor: float, max_factor: float) -> None:
        if not 0 < min_factor <= max_factor:
            raise ValueError(
                'the factors must satisfy 0 < min_factor <= max_factor, '
                f'but got {min_factor} and {max_factor}.'
            )
        self.min_factor, self.max_factor = min_factor, max_factor

    def transform(self, results: dict) -> dict:
        """Change ``img`` (uint8, ``(H, W, 3)``), ``gt_seg_map`` ``(H, W)`` and ``img_shape``."""
        # mmengine seeds numpy's global state in every worker
        factor = np.random.uniform(self.min_factor, self.max_factor)  # noqa: NPY002
        resize_to(results, *(max(1, round(side * factor)) for side in results['img'].shape[:2]))
        return results


@TRANSFORMS.register_module()
class RandomResizeLongSide(BaseTransform):
    """Resizes ``img`` so that its longer side is a random integer; the aspect is kept.

    Args:
        min_side: Smallest length of the longer side in pixels.
        max_side: Largest length, itself included.

    Raises:
        ValueError: If the lengths are not positive and ascending.

    Source:
        voc12/dataloader.py of the released code: 320 to 640. mmcv's ``RandomResize`` draws both
        sides apart from each other.
    """

    def __init__(self, min_side: int, max_side: int) -> None:
        if not 1 <= min_side <= max_side:
            raise ValueError(
                'the sides must satisfy 1 <= min_side <= max_side, '
                f'but got {min_side} and {max_side}.'
            )
        self.min_side, self.max_side = min_side, max_side

    def transform(self, results: dict) -> dict:
        """Change ``img`` (uint8, ``(H, W, 3)``), ``gt_seg_map`` ``(H, W)`` and ``img_shape``."""
        sides = results['img'].shape[:2]
        scale = random_integer(self.min_side, self.max_side) / max(sides)
        resize_to(results, *(max(1, round(side * scale)) for side in sides))
        return results


@TRANSFORMS.register_module()
class RandomCropPad(BaseTransform):
    """Crops a random window and says where on a canvas of the same size it belongs.

    An axis longer than the canvas is cropped at a random place; a shorter one is kept whole and
    gets a random place on the canvas. ``WeakDataPreprocessor`` makes the canvas, since the padding
    is zero after the normalisation.

    Args:
        size: Height and width of the canvas in pixels; one number is a square.

    Raises:
        ValueError: If a side is not positive.

    Source:
        misc/imutils.py of IRN, ``random_crop``.
    """

    def __init__(self, size: int | tuple[int, int]) -> None:
        self.size = (size, size) if isinstance(size, int) else tuple(size)
        if len(self.size) != 2 or min(self.size) < 1:
            raise ValueError(f'size must be one or two positive numbers, but got {size}.')

    def transform(self, results: dict) -> dict:
        """Change ``img``, ``gt_seg_map`` and ``img_shape``; add ``pad_offset``, row and column."""
        image = results['img']
        window, offset = [], []
        for side, canvas in zip(image.shape[:2], self.size, strict=True):
            start = random_integer(0, abs(side - canvas))
            window.append(slice(start, start + canvas) if side > canvas else slice(None))
            offset.append(0 if side > canvas else start)
        for key in ('img', 'gt_seg_map'):
            if key in results:
                results[key] = results[key][tuple(window)]
        results['img_shape'] = results['img'].shape[:2]
        results['pad_offset'] = tuple(offset)
        return results
