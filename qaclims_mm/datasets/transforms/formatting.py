"""From a record to what the models take."""

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from PIL import Image

from qaclims_mm.registry import TRANSFORMS

# arrays that earlier transforms may have added
_ARRAYS = (
    'fg_rows',
    'bg_rows',
    'no_rows',
    'cam_class_indices',
    'cam_strided',
    'cam_high_res',
)
_META = (
    *('image_id', 'img_path', 'ori_shape', 'img_shape', 'file_shape', 'pad_offset', 'label_names'),
    *('label_aliases', 'answers'),
)


def to_chw(image: np.ndarray) -> torch.Tensor:
    """Return an image ``(H, W, 3)`` as a contiguous uint8 tensor ``(3, H, W)``."""
    # a copy always: Pillow's arrays are read-only, and that of one pixel is contiguous already
    return torch.from_numpy(image.transpose(2, 0, 1).copy())


@TRANSFORMS.register_module()
class PackWeakInputs(BaseTransform):
    """Packs a record into ``inputs`` and a ``SegDataSample``.

    Args:
        scales: ``inputs`` becomes a list of the image resized by each factor (Pillow, bicubic, to
            round(side * scale)), for multi-scale prediction; ``None`` keeps one tensor.
    """

    def __init__(self, scales: tuple[float, ...] | None = None) -> None:
        self.scales = scales

    def transform(self, results: dict) -> dict:
        """Return ``inputs``, uint8 RGB ``(3, H, W)`` or a list of them, and ``data_samples``.

        The sample has ``image_labels`` (K,) of 0/1, ``class_indices`` (n,) and, where loaded,
        ``fg_rows``, ``bg_rows``, ``no_rows``, the maps and ``gt_sem_seg`` (1, H, W).
        """
        sample = SegDataSample(metainfo={k: results[k] for k in _META if k in results})
        class_indices = torch.tensor(results['class_indices'], dtype=torch.int64)
        labels = torch.zeros(results['num_classes'])
        labels[class_indices] = 1
        sample.set_field(labels, 'image_labels')
        sample.set_field(class_indices, 'class_indices')
        for name in _ARRAYS:
            if name in results:
                sample.set_field(torch.from_numpy(np.require(results[name], None, 'W')), name)
        if 'gt_seg_map' in results:
            # a copy, as a mask that Pillow has resized is read-only, of which torch warns
            mask = torch.from_numpy(results['gt_seg_map'].astype(np.int64, order='C'))
            sample.set_field(PixelData(data=mask[None]), 'gt_sem_seg')
        image = results['img']
        if self.scales is None:
            return dict(inputs=to_chw(image), data_samples=sample)
        return dict(inputs=[self._scaled(image, s) for s in self.scales], data_samples=sample)

    @staticmethod
    def _scaled(image: np.ndarray, scale: float) -> torch.Tensor:
        if scale == 1:
            return to_chw(image)
        height, width = (max(1, round(side * scale)) for side in image.shape[:2])
        resized = Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC)
        return to_chw(np.asarray(resized))
