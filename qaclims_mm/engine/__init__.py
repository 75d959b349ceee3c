"""Hooks, samplers of the engine, and what the tools share."""

from qaclims_mm.imports import import_submodules

import_submodules(__name__)
