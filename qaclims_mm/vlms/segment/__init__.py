"""Segmenters that take prompts: images and points or boxes in, masks out."""

from qaclims_mm.imports import import_submodules

import_submodules(__name__)
