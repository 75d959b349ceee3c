"""Reading images and masks, with a message that names the file when it cannot be used."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmcv.transforms import BaseTransform
from PIL import Image

from qaclims_mm.datasets.read_image import read_image, unreadable
from qaclims_mm.errors import FormatError, RecordError
from qaclims_mm.registry import TRANSFORMS
from qaclims_mm.schemas import IGNORE_INDEX, file_of, read_mask
from qaclims_mm.schemas.corrected import check_numbering


@TRANSFORMS.register_module()
class LoadRGBImage(BaseTransform):
    """Reads ``img_path`` into ``img``, RGB uint8 ``(H, W, 3)``; see ``read_image``.

    All stages of a pipeline must read their images in one way.

    Args:
        oriented: Whether an image is turned as its EXIF data say.
        max_side: Longest side in pixels; a larger image is made smaller for all stages, and only
            masks that are written with ``full_size`` have its size.

    Raises:
        ValueError: If ``max_side`` is below 1.
        RecordError: If the file is missing, truncated or no image.
    """

    def __init__(self, oriented: bool = False, max_side: int | None = None) -> None:
        if max_side is not None and max_side < 1:
            raise ValueError(f'max_side must be at least 1, but got {max_side}.')
        self.oriented, self.max_side = oriented, max_side

    def read(self, path: str) -> tuple[np.ndarray, tuple[int, int]]:
        """Return an image, RGB, and height and width before it was made smaller."""
        try:
            return read_image(path, self.oriented, self.max_side)
        except OSError as error:
            raise unreadable(path, error) from error

    def transform(self, results: dict) -> dict:
        """Add ``img``, ``img_shape``, ``ori_shape``, and ``file_shape`` before it was smaller."""
        results['img'], results['file_shape'] = self.read(results['img_path'])
        results['img_shape'] = results['ori_shape'] = results['img'].shape[:2]
        return results


@TRANSFORMS.register_module()
class LoadBGRImage(LoadRGBImage):
    """Reads ``img_path`` into ``img``, BGR uint8 ``(H, W, 3)``, as mmseg's segmentors take it."""

    def transform(self, results: dict) -> dict:
        """Add ``img``, ``img_shape`` and ``ori_shape``."""
        results = super().transform(results)
        results['img'] = np.ascontiguousarray(results['img'][..., ::-1])
        return results


@TRANSFORMS.register_module()
class LoadMask(BaseTransform):
    """Reads a mask into ``gt_seg_map``, uint8 ``(H, W)``, values as in ``read_mask``.

    A record of no data set, such as the single image of an inferencer, gets no mask.

    Args:
        masks: Folder of masks that a stage made, one an image id; by default the ground truth at
            ``seg_map_path``.
        optional: Whether an image may have no mask; then it gets none.
        corrected: Folder of masks that a person has corrected, which may be absent. A mask in it
            takes the place of the image's mask in ``masks``; see ``qaclims run --corrected``.

    Raises:
        RecordError: If the mask is missing, broken, of another size than the image, or has a value
            that is no class.
    """

    def __init__(
        self, masks: str | None = None, optional: bool = False, corrected: str | None = None
    ) -> None:
        self.masks, self.optional, self.corrected = masks, optional, corrected

    @property
    def input_folder(self) -> str | None:
        """Folder of the stage that made the masks; ``None`` for ground truth."""
        return self.masks

    def is_corrected(self, image_id: str) -> bool:
        """Tell whether a person has corrected the mask of an image."""
        return self.corrected is not None and file_of(self.corrected, image_id, '.png').is_file()

    def check_classes(self, classes: Sequence[str]) -> None:
        """Refuse corrected masks that are numbered by other classes.

        Args:
            classes: Class names of the data set, without the background.

        Raises:
            DataError: If they are.
        """
        if self.corrected is not None:
            check_numbering(self.corrected, classes)

    def _path_of(self, results: dict) -> Path | str | None:
        if self.corrected is not None and self.is_corrected(results['image_id']):
            return file_of(self.corrected, results['image_id'], '.png')
        if self.masks is not None:
            return file_of(self.masks, results['image_id'], '.png')
        return results.get('seg_map_path')

    def transform(self, results: dict) -> dict:
        """Add ``gt_seg_map``, and its name to mmseg's ``seg_fields``."""
        if not {'image_id', 'seg_map_path'} & results.keys():
            return results
        path = self._path_of(results)
        if not path or not Path(path).is_file():
            if self.optional:
                return results
            mend = 'take LoadMask and the metric out of the config if there are no masks'
            if self.masks is not None:
                mend = f'run the stage that fills {self.masks}'
            raise RecordError(f'mask {path} of image {results["image_id"]} is missing; {mend}')
        try:
            mask = read_mask(path)
        except FormatError as error:
            raise RecordError(str(error)) from error
        if mask.shape == results.get('file_shape') != results['ori_shape']:
            # as small as the image is read
            height, width = results['ori_shape']
            nearest = Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST)
            # a copy: Pillow's arrays are read-only
            mask = np.array(nearest)
        if mask.shape != results['ori_shape']:
            raise RecordError(
                f'mask {path} has size {mask.shape[1]}x{mask.shape[0]}, but its image '
                f'{results["ori_shape"][1]}x{results["ori_shape"][0]}'
            )
        classes = mask[mask != IGNORE_INDEX]
        if classes.size and classes.max() > results['num_classes']:
            raise RecordError(
                f'mask {path} has value {classes.max()}, but the number of classes is '
                f'{results["num_classes"]} ({IGNORE_INDEX} marks pixels that do not count)'
            )
        results['gt_seg_map'] = mask
        # mmseg's transforms move these with the image
        results['seg_fields'] = ['gt_seg_map']
        return results
