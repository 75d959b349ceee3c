"""A checkpoint as others get it: the weights alone, in a file that cannot hold code."""

from pathlib import Path

import torch
from mmengine.runner import CheckpointLoader

import qaclims_mm.plugin  # noqa: F401 - checkpoints are read safely
from qaclims_mm.convert.files import write_safetensors
from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.schemas import atomic_path


def publish(checkpoint: str | Path, out: str | Path, half: bool = True) -> int:
    """Write the weights of a checkpoint as safetensors, without optimizer and history.

    Args:
        checkpoint: Of a training.
        out: File, which ends in ``.safetensors``.
        half: Whether floating-point weights become float16, as they ship.

    Returns:
        Size of the file in bytes.

    Raises:
        FormatError: If the checkpoint cannot be read safely, has no weights, or has one that does
            not fit into float16.
        ConfigError: If the file has another ending.
    """
    path = Path(out)
    if path.suffix != '.safetensors':
        raise ConfigError(f'the file must end in .safetensors, but got {path}.')
    if not Path(checkpoint).is_file():
        raise FormatError(f'there is no checkpoint {checkpoint}.')
    loaded = CheckpointLoader.load_checkpoint(str(checkpoint), 'cpu', 'silent')
    state = loaded.get('state_dict', loaded)
    if not state or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise FormatError(f'{checkpoint} has no state_dict of weights.')
    if half:
        state = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
        wide = [k for k, v in state.items() if v.is_floating_point() and not v.isfinite().all()]
        if wide:
            raise FormatError(
                f'weights of {checkpoint} are no finite numbers of 16 bits: {", ".join(wide[:5])}; '
                'train again, or write all 32 (--full).'
            )
    with atomic_path(path) as temporary:
        write_safetensors(temporary, {k: v.contiguous() for k, v in state.items()})
    return path.stat().st_size
