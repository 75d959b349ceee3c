"""What the flags of mmseg's tools change in a config."""

from mmengine.config import Config

from qaclims_mm.engine.compat import find_whole_checkpoint
from qaclims_mm.engine.shards import Shard
from qaclims_mm.errors import ConfigError


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


def scale_learning_rate(cfg: Config) -> None:
    """Let the learning rate follow the number of images a step, in place.

    Raises:
        ConfigError: If the config does not say for how many images its learning rate is.
    """
    if 'base_batch_size' not in (cfg.get('auto_scale_lr') or {}):
        raise ConfigError(
            f'{cfg.filename} does not say for how many images a step its learning rate is; '
            'run without --auto-scale-lr or add auto_scale_lr = dict(base_batch_size=...).'
        )
    cfg.auto_scale_lr.enable = True


def draw_predictions(cfg: Config, show: bool, show_dir: str | None, wait_time: float) -> None:
    """Let a test run draw what it predicts, in place.

    Args:
        cfg: Of a segmentor.
        show: Whether each picture is shown in a window; then none is written.
        show_dir: Folder of the pictures, which go into its ``vis_data/vis_image``.
        wait_time: Seconds that a picture is shown.

    Raises:
        ConfigError: If the config has no visualization hook of segmentors.
    """
    hook = (cfg.get('default_hooks') or {}).get('visualization')
    if not hook or hook.type == 'CAMVisualizationHook' or not cfg.get('visualizer'):
        raise ConfigError(
            f'{cfg.filename} has no visualizer and default_hooks.visualization of type '
            'SegVisualizationHook; run without --show and --show-dir.'
        )
    hook.draw = True
    if show:
        hook.show, hook.wait_time = True, wait_time
    if show_dir:
        cfg.visualizer.save_dir = show_dir


def limit_to_shard(cfg: Config, shard: Shard) -> None:
    """Limit a test run to a shard of its images, in place; it writes no manifest and no metrics.

    Raises:
        ConfigError: If the config lacks the hook that leaves out the other images.
    """
    hooks = {hook.get('type') for hook in cfg.get('custom_hooks') or []}
    if 'ResumeTestHook' not in hooks:
        raise ConfigError(
            f"{cfg.filename} has no dict(type='ResumeTestHook') in custom_hooks, which --shard "
            'needs; add it.'
        )
    given = cfg.get('test_evaluator') or []
    metrics = given.get('metrics', [given]) if isinstance(given, dict) else given
    cfg.test_evaluator = dict(type='ShardEvaluator', metrics=metrics)
    cfg.shard = tuple(shard)


def write_predictions(cfg: Config, folder: str) -> None:
    """Let a test run write its masks into a folder, as PNG named as the images, in place.

    Raises:
        ConfigError: If the config has no metric that writes masks.
    """
    given = cfg.get('test_evaluator') or []
    metrics = given if isinstance(given, list) else given.get('metrics', [given])
    for kind, option in (('IoUMetric', 'output_dir'), ('SegMaskWriter', 'out_dir')):
        for metric in metrics:
            if metric.type.endswith(kind):
                metric[option] = folder
                return
    raise ConfigError(
        f'{cfg.filename} tests by no IoUMetric or SegMaskWriter, which write masks; '
        'run without --out.'
    )
