"""Vision-language models: those that answer questions, and the CLIP encoders."""

from qaclims_mm.imports import import_submodules

import_submodules(__name__)
