"""The shared memory through which workers of loaders pass batches, and what to do if it is full."""

import shutil
from pathlib import Path

from mmengine.config import Config

from qaclims_mm.errors import StageError
from qaclims_mm.schemas.names import counted

PLACE = Path('/dev/shm')  # noqa: S108 - where Linux has it
# bytes that each worker may need at least: a few images of 512 x 512 pixels
_LEAST = 8 * 2**20
# seconds after which workers that send nothing are given up
PATIENCE = 600
_LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def guard_workers(cfg: Config) -> None:
    """Refuse workers without shared memory for their batches, and wait for none without end.

    A worker that cannot hand over its batch writes an error and goes on, and the run would wait.

    Args:
        cfg: Config of a run; loaders with workers get a ``timeout`` if they have none.

    Raises:
        StageError: If the shared memory is full.
    """
    for name in _LOADERS:
        loader = cfg.get(name) or {}
        workers = loader.get('num_workers') or 0
        if not workers:
            continue
        loader.setdefault('timeout', PATIENCE)
        free = shutil.disk_usage(PLACE).free if PLACE.is_dir() else None
        if free is not None and free < workers * _LEAST:
            raise StageError(
                f'batches of {name} pass through {PLACE}, which has {free / 1e6:.0f} MB free; '
                f'{counted(workers, "worker", "need")} {workers * _LEAST / 1e6:.0f} MB at least. '
                'Free it, make it larger (docker run --shm-size 8g), or run without workers: '
                f'--cfg-options {name}.num_workers=0 {name}.persistent_workers=False'
            )
