"""QA-CLIMS as an OpenMMLab plugin; import ``qaclims_mm.plugin`` to register its components."""

from qaclims_mm.version import __version__

__all__ = ['__version__']
