"""A network outside a runner, with its weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.runner import CheckpointLoader

from qaclims_mm.engine.checkpoints import checkpoint_path, weights_in
from qaclims_mm.engine.config import read_config
from qaclims_mm.engine.config_classes import check_class_names
from qaclims_mm.engine.hooks.strict_load import load_strictly
from qaclims_mm.paths import config_file
from qaclims_mm.registry import MODELS

# a checkpoint: its file, ``miniworld://...``, ``https://...``, or what was loaded of one
Weights = str | Path | Mapping[str, Any]


def read_network_config(config: str | Path | Config) -> Config:
    """Return the config of a network.

    Args:
        config: File, name of a config that ships, or a config that has been read.

    Raises:
        ConfigError: If it cannot be read, or names a class that its datasets do not have.
    """
    cfg = config if isinstance(config, Config) else read_config(config_file(config))
    check_class_names(cfg)
    return cfg


def read_checkpoint(weights: str | Path) -> dict[str, Any]:
    """Load a checkpoint of any kind.

    Args:
        weights: A file, ``miniworld://...`` or ``https://...``.

    Returns:
        ``{'state_dict': {name: weight}, 'meta': {...}}``; ``meta`` is empty where it has none.

    Raises:
        FormatError: If there is no such file, it cannot be read safely or has no weights.
    """
    if '://' not in str(weights):
        weights = checkpoint_path(weights)
    # a notebook has no use for a line about each file that is read
    loaded = CheckpointLoader.load_checkpoint(str(weights), 'cpu', 'silent')
    state = weights_in(loaded, weights)
    meta = loaded.get('meta') if 'state_dict' in loaded else None
    return dict(state_dict=state, meta=dict(meta) if isinstance(meta, Mapping) else {})


def build_network(model: dict, weights: Weights | None, device: Any = 'cpu') -> Any:
    """Build a model and load its weights, in eval mode.

    Args:
        model: Its config.
        weights: Checkpoint or safetensors: a file, ``miniworld://...``, ``https://...`` or what
            ``read_checkpoint`` returns; ``None`` leaves the model as it was built.
        device: Where it runs.

    Raises:
        FormatError: If there is no such file, the weights are not the model's, or they cannot be
            read safely.
    """
    if isinstance(weights, (str, Path)) and '://' not in str(weights):
        # before the network is built, which takes longer
        checkpoint_path(weights)
    network = MODELS.build(model)
    if weights is not None:
        loaded = weights if isinstance(weights, Mapping) else read_checkpoint(weights)
        load_strictly(network, dict(loaded['state_dict']))
    return network.to(device).eval()
