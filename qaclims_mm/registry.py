"""mmseg's registries, for everything above ``functional``, ``corpus`` and ``vlms``.

There is no scope of our own: a config that inherits an ``mmseg::`` base builds its parts in mmseg's
scope, and a registry searches itself and its parents, never its children, so a component in a child
scope would not be found from there.
"""

from mmseg.registry import (
    DATA_SAMPLERS,
    DATASETS,
    EVALUATOR,
    HOOKS,
    LOOPS,
    METRICS,
    MODELS,
    OPTIM_WRAPPER_CONSTRUCTORS,
    OPTIM_WRAPPERS,
    TRANSFORMS,
)

from qaclims_mm.vlms.registry import PROMPTED_SEGMENTERS, VQA_MODELS

__all__ = [
    'DATASETS',
    'DATA_SAMPLERS',
    'EVALUATOR',
    'HOOKS',
    'LOOPS',
    'METRICS',
    'MODELS',
    'OPTIM_WRAPPERS',
    'OPTIM_WRAPPER_CONSTRUCTORS',
    'PROMPTED_SEGMENTERS',
    'TRANSFORMS',
    'VQA_MODELS',
]
