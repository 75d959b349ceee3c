"""Hooks, samplers of the engine, and what the tools share."""

from qaclims_mm.compat import require_openmmlab
from qaclims_mm.imports import import_submodules

# Every tool comes through here first: without OpenMMLab it ends in the command that installs it.
require_openmmlab()
import_submodules(__name__)
