"""What a flag changes in a config: mixed precision, resuming, test-time augmentation."""

import torch
from mmengine.config import Config

from qaclims_mm.engine.compat import find_whole_checkpoint
from qaclims_mm.errors import ConfigError


def mixed_precision_wrapper() -> str:
    """Return the type of the optimizer's wrapper that this machine's mixed precision needs."""
    if not torch.cuda.is_available() or torch.cuda.is_bf16_supported(including_emulation=False):
        return 'Bfloat16OptimWrapper'
    return 'AmpOptimWrapper'


def resume_from(cfg: Config, checkpoint: str | None) -> None:
    """Let a training go on, in place.

    Args:
        cfg: Of the training; what its ``load_from`` names starts a training that has no checkpoint
            yet.
        checkpoint: The file to go on from; ``None`` is the last one of the work dir, if there is
            one.
    """
    checkpoint = checkpoint or find_whole_checkpoint(cfg.work_dir)
    cfg.resume = checkpoint is not None
    if checkpoint is not None:
        cfg.load_from = checkpoint


def use_test_time_augmentation(cfg: Config) -> None:
    """Let a test run merge the predictions of an image's ``tta_pipeline`` copies, in place.

    Raises:
        ConfigError: If the config has no ``tta_pipeline`` and ``tta_model``.
    """
    if not (cfg.get('tta_pipeline') and cfg.get('tta_model')):
        raise ConfigError(f'{cfg.filename} has no tta_pipeline and tta_model; run without --tta.')
    cfg.test_dataloader.dataset.pipeline = cfg.tta_pipeline
    # mmengine's TTA model wants the copies outside and the images inside
    cfg.test_dataloader.collate_fn = dict(type='pseudo_collate')
    cfg.test_dataloader.batch_size = 1
    cfg.model = dict(**cfg.tta_model, module=cfg.model)
