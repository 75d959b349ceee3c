"""Objects that load a trained network once and predict many images."""

from qaclims_mm.inference.cam_inferencer import CAMInferencer
from qaclims_mm.inference.segmenting import segment

__all__ = ['CAMInferencer', 'segment']
