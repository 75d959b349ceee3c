"""Check that the data sets and weights of configs are there, and say how to fix what is not."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mmengine.config import Config

from qaclims_mm.checks.dataset import CheckedSet, DataSet, check_data_set
from qaclims_mm.checks.weights import Problem, Weights, find_weights
from qaclims_mm.datasets.transforms.loading import LoadMask

# of a data set, but not of what it reads; a list is checked as a whole, whatever the indices
_ASIDE = ('pipeline', 'test_mode', 'strict', 'indices', 'serialize_data', 'lazy_init')


def find_data_sets(configs: Iterable[Config], data_root: str | None = None) -> list[DataSet]:
    """Return the data sets of the configs' loaders, each once.

    Args:
        configs: Of stages.
        data_root: Replaces that of every data set.
    """
    found: dict[str, DataSet] = {}
    for node in (node for cfg in configs for node in _nodes_of(cfg)):
        options = {k: v for k, v in node.items() if k not in _ASIDE}
        if data_root is not None:
            options['data_root'] = data_root
        key = json.dumps(options, sort_keys=True, default=str)
        masks = _reads_masks(node.get('pipeline')) or (key in found and found[key].masks)
        found[key] = DataSet(str(options.pop('type', None)), options, masks)
    return list(found.values())


def _nodes_of(cfg: Config) -> Iterator[dict]:
    """Yield the data sets of a config; those of a training only if it trains."""
    # what does not train may inherit the loader of another data set
    names = ('train', 'val', 'test') if cfg.get('optim_wrapper') else ('test',)
    for name in names:
        loader = cfg.get(f'{name}_dataloader') or {}
        if loader.get('dataset'):
            yield from _inner(loader['dataset'].to_dict())


def _inner(node: dict) -> Iterator[dict]:
    """Yield the data sets inside mmengine's wrappers."""
    wrapped = node.get('datasets') or ([node['dataset']] if 'dataset' in node else [])
    for inner in wrapped:
        yield from _inner(inner)
    if not wrapped:
        yield node


def _reads_masks(node: Any) -> bool:
    """Return whether a pipeline has a ``LoadMask`` of the ground truth, of all images."""
    if isinstance(node, dict):
        is_one = str(node.get('type')).split('.')[-1] == LoadMask.__name__
        of_all = not node.get('masks') and not node.get('optional')
        return (is_one and of_all) or _reads_masks(list(node.values()))
    return isinstance(node, (list, tuple)) and any(map(_reads_masks, node))


@dataclass(frozen=True)
class Report:
    """What configs want, and what of it is there."""

    sets: tuple[CheckedSet, ...]
    weights: tuple[Weights, ...]

    @property
    def problems(self) -> list[Problem]:
        """Everything that is missing, each once."""
        found = [p for s in self.sets for p in s.problems]
        found += [p for w in self.weights if (p := w.problem())]
        return list(dict.fromkeys(found))


def check_configs(
    configs: Sequence[Config], data_root: str | None = None, full: bool = False
) -> Report:
    """Check the data sets and weights of configs; what other stages make is not looked at.

    Args:
        configs: Of stages.
        data_root: Replaces that of every data set.
        full: Whether to open every image and mask.
    """
    sets = find_data_sets(configs, data_root)
    return Report(tuple(check_data_set(data, full) for data in sets), tuple(find_weights(configs)))
