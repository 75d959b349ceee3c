"""CLIP models: texts and image regions in, embeddings out."""

from qaclims_mm.imports import import_submodules

import_submodules(__name__)
