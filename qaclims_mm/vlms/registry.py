"""The registries of our own: models that answer questions, and models that segment texts."""

from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import Registry

# Root registries without a parent: these models are no nn.Modules of a runner, so mmseg need not
# find them by its scope.
VQA_MODELS = Registry(
    'vqa model', scope='mmengine', locations=['qaclims_mm.vlms', 'qaclims_mm.corpus']
)
PROMPTED_SEGMENTERS = Registry(
    'prompted segmenter', scope='mmengine', locations=['qaclims_mm.vlms.segment']
)

# What vlms/ and corpus/ register goes into mmengine's root registries, which every scope searches.
MODELS = MMENGINE_MODELS

__all__ = ['MODELS', 'PROMPTED_SEGMENTERS', 'VQA_MODELS']
