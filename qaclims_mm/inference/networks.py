"""A network outside a runner, with its weights."""

from pathlib import Path
from typing import Any

from mmengine.runner import CheckpointLoader

from qaclims_mm.engine.checkpoints import checkpoint_path, weights_in
from qaclims_mm.engine.hooks.strict_load import load_strictly
from qaclims_mm.registry import MODELS


def build_network(model: dict, weights: str | Path | None, device: Any = 'cpu') -> Any:
    """Build a model and load its weights, in eval mode.

    Args:
        model: Its config.
        weights: Checkpoint or safetensors: a file, ``miniworld://...`` or ``https://...``; ``None``
            leaves it as it was built.
        device: Where it runs.

    Raises:
        FormatError: If there is no such file, the weights are not the model's, or they cannot be
            read safely.
    """
    if weights is not None and '://' not in str(weights):
        weights = checkpoint_path(weights)
    network = MODELS.build(model)
    if weights is not None:
        # a notebook has no use for a line about each file that is read
        loaded = CheckpointLoader.load_checkpoint(str(weights), 'cpu', 'silent')
        load_strictly(network, weights_in(loaded, weights))
    return network.to(device).eval()
