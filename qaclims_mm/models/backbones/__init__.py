"""Backbones beyond mmseg's."""

from qaclims_mm.imports import import_submodules

import_submodules(__name__)
