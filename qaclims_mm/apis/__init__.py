"""What the tools call, and what a notebook does."""

from qaclims_mm.apis.cam_inferencer import CAMInferencer
from qaclims_mm.apis.segmenting import segment
from qaclims_mm.corpus.store import VQACorpus
from qaclims_mm.imports import import_submodules

__all__ = ['CAMInferencer', 'VQACorpus', 'segment']

import_submodules(__name__)
