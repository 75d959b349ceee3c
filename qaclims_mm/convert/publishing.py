"""A checkpoint as others get it: the weights alone, in a file that mmseg's own tools can load."""

from pathlib import Path
from typing import Any

from mmengine.runner import CheckpointLoader
from torch import Tensor

import qaclims_mm.plugin  # noqa: F401 - checkpoints are read safely
from qaclims_mm.engine.checkpoints import checkpoint_path, weights_in
from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.schemas import MODES, read_run_config, run_config_path
from qaclims_mm.schemas.published import PUBLISHED, published_meta, write_published


def publish(checkpoint: str | Path, out: str | Path, half: bool = True) -> int:
    """Write the weights of a checkpoint, its class names and config, without optimizer and history.

    The config is that of the run in whose folder the checkpoint lies.

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
    meta = published_meta(loaded.get('meta') if 'state_dict' in loaded else None)
    write_published(path, state, _config_beside(file) | meta)
    return path.stat().st_size


def _config_beside(file: Path) -> dict[str, Any]:
    """Return ``config`` of the run that wrote a checkpoint, as far as it is needed to predict."""
    there = [run_config_path(file.parent, mode) for mode in MODES]
    path = next((p for p in there if p.is_file()), None)
    values = read_run_config(path).values if path else {}
    model, loader = values.get('model'), values.get('test_dataloader')
    if not isinstance(model, dict) or not isinstance(loader, dict):
        return {}
    # the texts of a training, in somebody's folder
    model = model | (dict(text_bank='') if 'text_bank' in model else {})
    pipeline = (loader.get('dataset') or {}).get('pipeline')
    return dict(config=dict(model=model, test_dataloader=dict(dataset=dict(pipeline=pipeline))))


def _halved(state: dict[str, Tensor], checkpoint: str | Path) -> dict[str, Tensor]:
    state = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
    wide = [k for k, v in state.items() if v.is_floating_point() and not v.isfinite().all()]
    if wide:
        raise FormatError(
            f'weights of {checkpoint} are no finite numbers of 16 bits: {", ".join(wide[:5])}; '
            'train again, or write all 32 (--full).'
        )
    return state
