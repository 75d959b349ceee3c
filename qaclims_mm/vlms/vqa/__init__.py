"""VQA models: images and questions in, short answers out."""

from qaclims_mm.imports import import_submodules

import_submodules(__name__)
