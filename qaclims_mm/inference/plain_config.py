"""The config of a network as a file's plain values, of which nothing is executed.

mmengine's registries import what a dotted ``type`` names: building ``dict(type='os.system', ...)``
runs a command. Values that come with a checkpoint are therefore checked before they are built.
"""

import importlib
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config
from mmengine.registry import WEIGHT_INITIALIZERS, Registry

import qaclims_mm.plugin  # noqa: F401 - registers what configs name
from qaclims_mm.datasets.class_names import class_names_of
from qaclims_mm.errors import FormatError
from qaclims_mm.registry import DATASETS, MODELS, PROMPTED_SEGMENTERS, TRANSFORMS, VQA_MODELS
from qaclims_mm.schemas.names import shown_name

_MMPRETRAIN = 'mmpretrain.'


def config_of_values(values: Mapping[str, Any], where: object, classes: Any = None) -> Config:
    """Return what an inferencer needs of a config: its model, its classes and how it reads.

    Args:
        values: The config as JSON has it; it is not trusted.
        where: Its file, for messages.
        classes: Names of the values of masks that come with the weights; by default those of the
            data set.

    Raises:
        FormatError: If it has no model or no data set to test, or names a type that is not
            registered.
    """
    model, loader = values.get('model'), values.get('test_dataloader')
    dataset = loader.get('dataset') if isinstance(loader, Mapping) else None
    pipeline = dataset.get('pipeline') if isinstance(dataset, Mapping) else None
    if not isinstance(model, Mapping) or not isinstance(pipeline, list) or not pipeline:
        raise FormatError(
            f'{where} does not say how the network reads images (model, test_dataloader); give the '
            'config itself: --config CONFIG.'
        )
    own = {k: v for k, v in dict(dataset or {}).items() if k != 'pipeline'}
    for kind in _types_in([model, own, pipeline]):
        if not _is_registered(kind):
            raise FormatError(
                f'{where} names the type {shown_name(str(kind))}, which is none of the registered '
                'ones, so it is not built; if you trust its config, give it: --config CONFIG.'
            )
    meta = dict(classes=list(classes) if classes else list(class_names_of(own)))
    return Config(
        dict(model=model, test_dataloader=dict(dataset=dict(metainfo=meta, pipeline=pipeline)))
    )


def _types_in(node: object) -> Iterator[object]:
    """Yield every ``type`` in values."""
    if isinstance(node, Mapping):
        if 'type' in node:
            yield node['type']
        for value in node.values():
            yield from _types_in(value)
    elif isinstance(node, list):
        for value in node:
            yield from _types_in(value)


def _is_registered(kind: object) -> bool:
    """Tell whether a type is looked up, and not imported by its name."""
    if not isinstance(kind, str):
        return False
    name = kind.removeprefix(_MMPRETRAIN)
    if name != kind:
        importlib.import_module('mmpretrain.models')
        registry: Registry = importlib.import_module('mmpretrain.registry').MODELS
        return name in registry.module_dict
    own = (MODELS, VQA_MODELS, PROMPTED_SEGMENTERS, TRANSFORMS, DATASETS)
    known = [r for registry in own for r in (registry, registry.parent) if r is not None]
    return any(kind in registry.module_dict for registry in (*known, WEIGHT_INITIALIZERS))
