"""Objects that load a trained network once and predict many images."""

# first, so that it decides what is imported of OpenMMLab
import qaclims_mm.plugin  # noqa: F401
from qaclims_mm.inference.cam_inferencer import CAMInferencer
from qaclims_mm.inference.models import load_model
from qaclims_mm.inference.segmentation import Segmentation
from qaclims_mm.inference.segmenter import Segmenter

__all__ = ['CAMInferencer', 'Segmentation', 'Segmenter', 'load_model']
