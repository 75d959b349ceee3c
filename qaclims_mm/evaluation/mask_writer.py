"""Writing masks."""

from pathlib import Path

from qaclims_mm.evaluation.image_writer import ImageWriter
from qaclims_mm.registry import METRICS
from qaclims_mm.schemas import write_mask


@METRICS.register_module()
class IRLabelWriter(ImageWriter):
    """Writes ``ir_label``, what is sure of every image, as palette PNG; 255 is unsure."""

    default_prefix, suffix = 'ir_labels', '.png'

    def write(self, path: Path, sample: dict) -> None:
        """Write the labels of an image."""
        write_mask(path, sample['ir_label'].cpu().numpy())
