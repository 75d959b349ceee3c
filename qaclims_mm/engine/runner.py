"""Builds the runner of a stage, and turns its outcome into an exit status."""

from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import barrier, get_world_size, is_main_process
from mmengine.hooks import LoggerHook
from mmengine.logging import MMLogger
from mmengine.model import is_model_wrapper
from mmengine.runner import BaseLoop, Runner
from torch import nn

from qaclims_mm.engine.compat import adapt_config_to_device, init_cpu_process_group
from qaclims_mm.engine.hooks.failed_records import FailedRecordsHook
from qaclims_mm.engine.hooks.resume_test import ResumeTestHook
from qaclims_mm.engine.plain_log import PlainLogFilter
from qaclims_mm.engine.shared_memory import guard_workers
from qaclims_mm.errors import EXIT_BAD_RECORDS, ConfigError, DataError, FormatError
from qaclims_mm.schemas import read_run_config, run_config_path, write_run_config
from qaclims_mm.schemas.names import counted
from qaclims_mm.schemas.run_environment import FROM_ENVIRONMENT

_PARTS = {
    'train': ('train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler'),
    'val': ('val_dataloader', 'val_cfg', 'val_evaluator'),
    'test': ('test_dataloader', 'test_cfg', 'test_evaluator'),
}

# a training logs at least so many steps, even if that is more often than its config says
CURVE_POINTS = 60


class StageRunner(Runner):
    """Runner whose log has no control characters, and whose training has at least one step.

    Ranks share a model only if it has something to train.
    """

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """Build the logger; mmengine logs the whole config as soon as there is one."""
        logger = super().build_logger(*args, **kwargs)
        logger.addFilter(PlainLogFilter())
        return logger

    def setup_env(self, env_cfg: dict) -> None:
        """Set up the environment; shards that start in the same second have logs of their own."""
        super().setup_env(env_cfg)
        if self.cfg.get('shard'):
            self._timestamp += '_shard-{}-of-{}'.format(*self.cfg.shard)

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        """Wrap the model for several ranks, unless it has nothing to train, which DDP refuses."""
        trained = any(p.requires_grad for p in model.parameters())
        if trained or is_model_wrapper(model) or not self.distributed:
            return super().wrap_model(model_wrapper_cfg, model)
        return model.to(get_device())

    def test(self) -> dict[str, float]:
        """Test; a run that fails before it has written a file leaves its folders to others."""
        try:
            return super().test()
        except BaseException:
            for hook in self.hooks:
                if isinstance(hook, ResumeTestHook):
                    hook.release(self)
            raise

    def build_train_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """Build the loop of a training, and log a short one often enough for a curve.

        Raises:
            DataError: If the data set has fewer images than one step takes.
        """
        built = super().build_train_loop(loop)
        loader = built.dataloader
        if not len(loader):
            size, ranks = loader.batch_size, get_world_size()
            on_ranks = f' on each of {ranks} ranks' if ranks > 1 else ''
            raise DataError(
                f'the training has {counted(len(loader.dataset), "image")}, but a step takes {size}'
                f'{on_ranks}; make train_dataloader.batch_size smaller or add images.'
            )
        for hook in self.hooks:
            if isinstance(hook, LoggerHook):
                hook.interval = min(hook.interval, max(built.max_iters // CURVE_POINTS, 1))
        return built


def build_runner(cfg: Config, mode: str) -> Runner:
    """Build the runner for ``train`` or ``test``, on GPUs with nccl, on CPU ranks with gloo.

    A training validates where its config asks for it, see ``validates``.

    Raises:
        ConfigError: If the config has no model.
        StageError: If there is no shared memory for workers of a loader.
    """
    if not cfg.get('model'):
        command = 'run qaclims ir-label' if cfg.get('ir_label') else 'give the config of a stage'
        raise ConfigError(f'{cfg.filename} has no model to {mode}; {command}.')
    _give_test_set(cfg)
    tested = cfg.get('test_dataloader')
    used = {mode, 'val'} if mode == 'train' and validates(cfg) else {mode}
    for name in _PARTS.keys() - used:
        for part in _PARTS[name]:
            cfg[part] = None
    _quieten_visualization(cfg)
    # before the config is adapted to this machine, so that every machine writes the same
    values = _values_of_run(cfg, mode)
    # how the network of a training is used later: reading, classes
    values['test_dataloader'] = tested.to_dict() if tested else None
    adapt_config_to_device(cfg)
    guard_workers(cfg)
    init_cpu_process_group(cfg.launcher)
    runner = StageRunner.from_cfg(cfg)
    # which rank this is, the runner finds out; of a shard, the run that completes it writes it
    if is_main_process() and not cfg.get('shard'):
        write_run_config(cfg.work_dir, mode, Path(cfg.filename or '').name, values)
    return runner


def validates(cfg: Config) -> bool:
    """Tell whether a training asks for validation.

    It does by a ``val_interval`` within its length, by ``save_best`` of its checkpoints, or by a
    hook that stops early. mmengine would validate after the last step in any case, which costs what
    the test run that follows costs again.
    """
    loop, hooks = cfg.get('train_cfg') or {}, cfg.get('default_hooks') or {}
    if not cfg.get('val_dataloader'):
        return False
    length = loop.get('max_epochs') or loop.get('max_iters') or 0
    stops = any(hook.get('type') == 'EarlyStoppingHook' for hook in cfg.get('custom_hooks') or [])
    best = (hooks.get('checkpoint') or {}).get('save_best')
    return loop.get('val_interval', 1) <= length or bool(best) or stops


def _quieten_visualization(cfg: Config) -> None:
    """Take out the hook that draws nothing, which warns of it, and the visualizer's fixed name.

    mmengine keeps visualizers by their name, so a second run in one process would write into the
    folder of the first; without a name it takes that of the run.
    """
    hook = (cfg.get('default_hooks') or {}).get('visualization')
    if hook and hook.get('type') == 'SegVisualizationHook' and not hook.get('draw'):
        cfg.default_hooks.pop('visualization')
    if cfg.get('visualizer'):
        cfg.visualizer.pop('name', None)


def _values_of_run(cfg: Config, mode: str) -> dict[str, Any]:
    """Return the config as a run's first start had it, so that a resumed run writes the same."""
    values = {k: v for k, v in cfg.to_dict().items() if k not in FROM_ENVIRONMENT}
    if values.get('resume'):
        try:
            first = read_run_config(run_config_path(cfg.work_dir, mode)).values
        except FormatError:
            first = {}
        values.update(resume=False, load_from=first.get('load_from'))
    return values


def _give_test_set(cfg: Config) -> None:
    """Tell the hook that shows maps while they are trained which images are tested."""
    hook = (cfg.get('default_hooks') or {}).get('visualization')
    if hook and hook.type == 'CAMVisualizationHook' and cfg.get('test_dataloader'):
        hook.setdefault('dataset', cfg.test_dataloader.dataset)


def exit_status(runner: Runner) -> int:
    """Return 0, or ``EXIT_BAD_RECORDS`` if records could not be used."""
    # the launcher ends all ranks as soon as one has another status than 0
    barrier()
    hooks = [h for h in runner.hooks if isinstance(h, FailedRecordsHook)]
    return EXIT_BAD_RECORDS if any(h.failures for h in hooks) else 0
