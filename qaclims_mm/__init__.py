"""QA-CLIMS as an OpenMMLab plugin; import ``qaclims_mm.plugin`` to register its components."""

import warnings

from qaclims_mm.version import __version__

# mmcv without compiled operators warns of a module that nothing here uses
warnings.filterwarnings('ignore', 'Fail to import ``MultiScaleDeformableAttention``')

__all__ = ['__version__']
