"""Writing activation maps."""

from pathlib import Path

from qaclims_mm.evaluation.image_writer import ImageWriter
from qaclims_mm.registry import METRICS
from qaclims_mm.schemas import write_cams


@METRICS.register_module()
class CAMWriter(ImageWriter):
    """Writes ``cam_class_indices``, ``cam_strided`` and ``cam_high_res`` of every image as npz."""

    default_prefix, suffix = 'cams', '.npz'

    def write(self, path: Path, sample: dict) -> None:
        """Begin to write the maps of an image."""
        maps = (sample[k].float().cpu().numpy() for k in ('cam_strided', 'cam_high_res'))
        self.queue.put(write_cams, path, sample['cam_class_indices'].cpu().numpy(), *maps)
