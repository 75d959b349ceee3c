"""Metrics, and the writers of files between stages."""

from qaclims_mm.imports import import_submodules

import_submodules(__name__)
