"""``miniworld://`` for every checkpoint of a config, such as that of ``init_cfg``."""

from typing import Any

from mmengine.runner import CheckpointLoader

from qaclims_mm.engine.checkpoints import load_safely
from qaclims_mm.paths import SHIPPED, resolve


@CheckpointLoader.register_scheme(prefixes=SHIPPED)
def load_from_shipped(filename: str, map_location: Any = None) -> dict[str, Any]:
    """Load a safetensors file that ships with the package.

    Args:
        filename: ``miniworld://...``.
        map_location: Device, as in ``torch.load``.

    Raises:
        FileNotFoundError: If the package ships no such file.
    """
    return load_safely(resolve(filename), map_location)
