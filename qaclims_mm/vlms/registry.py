"""The one registry of our own: models that answer questions about images."""

from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import Registry

# A root registry without a parent: VQA models are no nn.Modules of a runner, so mmseg need not find
# them by its scope.
VQA_MODELS = Registry(
    'vqa model', scope='mmengine', locations=['qaclims_mm.vlms', 'qaclims_mm.corpus']
)

# What vlms/ and corpus/ register goes into mmengine's root registries, which every scope searches.
MODELS = MMENGINE_MODELS

__all__ = ['MODELS', 'VQA_MODELS']
