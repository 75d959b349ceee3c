"""A checkpoint as others get it: the weights alone, in a file that mmseg's own tools can load."""

from pathlib import Path

from mmengine.runner import CheckpointLoader
from torch import Tensor

import qaclims_mm.plugin  # noqa: F401 - checkpoints are read safely
from qaclims_mm.engine.checkpoints import checkpoint_path, weights_in
from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.schemas.published import PUBLISHED, published_meta, write_published


def publish(checkpoint: str | Path, out: str | Path, half: bool = True) -> int:
    """Write the weights of a checkpoint and its class names, without optimizer and history.

    Args:
        checkpoint: Of a training: a file, ``miniworld://...`` or ``https://...``.
        out: File, which ends in ``.safetensors`` or ``.pth``.
        half: Whether floating-point weights become float16, as they ship.

    Returns:
        Size of the file in bytes.

    Raises:
        FormatError: If the checkpoint cannot be read safely, has no weights, or has one that does
            not fit into float16.
        ConfigError: If the file has another ending.
    """
    path = Path(out)
    if path.suffix not in PUBLISHED:
        raise ConfigError(f'the file must end in {" or ".join(PUBLISHED)}, but got {path}.')
    file = checkpoint_path(checkpoint)
    loaded = CheckpointLoader.load_checkpoint(str(file), 'cpu', 'silent')
    state = weights_in(loaded, checkpoint)
    if not state:
        raise FormatError(f'{checkpoint} has no state_dict of weights.')
    if half:
        state = _halved(state, checkpoint)
    meta = loaded.get('meta') if 'state_dict' in loaded else None
    write_published(path, state, published_meta(meta))
    return path.stat().st_size


def _halved(state: dict[str, Tensor], checkpoint: str | Path) -> dict[str, Tensor]:
    state = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
    wide = [k for k, v in state.items() if v.is_floating_point() and not v.isfinite().all()]
    if wide:
        raise FormatError(
            f'weights of {checkpoint} are no finite numbers of 16 bits: {", ".join(wide[:5])}; '
            'train again, or write all 32 (--full).'
        )
    return state
