"""Hooks, loops and what a run needs: its config, its runner, and fixes of the stack below."""

from qaclims_mm.engine.lean_imports import defer_imports

# before anything imports OpenMMLab's packages
defer_imports()
