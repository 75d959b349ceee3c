"""Writing masks."""

import zipfile
from pathlib import Path

import numpy as np
from mmengine.dist import is_main_process

from qaclims_mm.errors import TrainingError
from qaclims_mm.evaluation.image_writer import ImageWriter
from qaclims_mm.functional.cam import mask_of_cams
from qaclims_mm.registry import METRICS
from qaclims_mm.schemas import atomic_path, file_of, resize_mask, write_mask


@METRICS.register_module()
class PseudoMaskWriter(ImageWriter):
    """Writes the class of the highest map at each pixel, as palette PNG; background where none is.

    Args:
        out_dir: As in ``ImageWriter``.
        threshold: Map value of the background, in [0, 1]; the released code has 0.2, IRN 0.25.
        full_size: Whether a mask has the size of the image's file, where it was read smaller.
        maps: Field of the sample with the maps: a refiner's ``refined_maps``, or ``cam_high_res``.
        prefix: As in ``BaseMetric``.
    """

    default_prefix, suffix = 'pseudo_masks', '.png'

    def __init__(
        self,
        out_dir: str | None = None,
        threshold: float = 0.25,
        full_size: bool = False,
        maps: str = 'refined_maps',
        prefix: str | None = None,
    ) -> None:
        super().__init__(out_dir, prefix)
        self.threshold, self.full_size, self.maps = threshold, full_size, maps
        self.settings = dict(threshold=str(threshold), maps=maps)
        if full_size:
            self.settings['full_size'] = 'True'

    def write(self, path: Path, sample: dict) -> None:
        """Begin to write the mask of an image from ``cam_class_indices`` and the maps."""
        maps = sample[self.maps], sample['cam_class_indices']
        try:
            mask = mask_of_cams(*maps, self.threshold)
        except ValueError as error:
            raise TrainingError(f'{sample["image_id"]}: {error}') from error
        size = sample['file_shape'] if self.full_size else None
        self.queue.put(_write, path, mask.cpu().numpy(), size)


@METRICS.register_module()
class SegMaskWriter(ImageWriter):
    """Writes what a segmentor predicts, as palette PNG.

    Args:
        out_dir: As in ``ImageWriter``.
        full_size: As in ``PseudoMaskWriter``.
        zip_folder: Folder inside a zip file ``<out_dir>.zip`` that holds them all, as test servers
            want it; VOC's is ``results/VOC2012/Segmentation/comp6_test_cls``. ``None`` makes none.
        prefix: As in ``BaseMetric``.
    """

    default_prefix, suffix = 'predictions', '.png'

    def __init__(
        self,
        out_dir: str | None = None,
        zip_folder: str | None = None,
        full_size: bool = False,
        prefix: str | None = None,
    ) -> None:
        super().__init__(out_dir, prefix)
        self.zip_folder, self.full_size = zip_folder, full_size

    def write(self, path: Path, sample: dict) -> None:
        """Begin to write the mask of an image from ``pred_sem_seg``."""
        mask = sample['pred_sem_seg']['data'].squeeze(0).cpu().numpy()
        self.queue.put(_write, path, mask, sample['file_shape'] if self.full_size else None)

    def evaluate(self, size: int) -> dict[str, float]:
        """Write the manifest and the zip file, when all ranks have written."""
        report = super().evaluate(size)
        if self.zip_folder and is_main_process():
            with (
                atomic_path(self.out_dir.with_name(f'{self.out_dir.name}.zip')) as path,
                zipfile.ZipFile(path, 'w', zipfile.ZIP_STORED) as archive,
            ):
                for image_id in self.image_ids:
                    mask = file_of(self.out_dir, image_id, self.suffix)
                    if mask.is_file():
                        name = file_of(self.zip_folder, image_id, self.suffix)
                        info = zipfile.ZipInfo.from_file(mask, name)
                        # the same bytes whenever the masks were written
                        info.date_time = (1980, 1, 1, 0, 0, 0)
                        archive.writestr(info, mask.read_bytes())
        return report


def _write(path: Path, mask: np.ndarray, size: tuple[int, int] | None) -> None:
    """Write a mask, at another height and width if they are given."""
    write_mask(path, mask if size is None else resize_mask(mask, size))
