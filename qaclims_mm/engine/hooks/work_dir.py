"""Giving evaluators the work dir of the run."""

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.runner.base_loop import BaseLoop

from qaclims_mm.engine.protocols import WorkDirUser
from qaclims_mm.registry import HOOKS


@HOOKS.register_module()
class WorkDirHook(Hook):
    """Tells every ``WorkDirUser`` among the evaluators which work dir the run has."""

    priority = 'VERY_HIGH'

    def before_run(self, runner: Runner) -> None:
        """Tell the evaluators of the loops that this run has."""
        for loop in (runner._val_loop, runner._test_loop):
            # what a run does not use stays a config
            for metric in loop.evaluator.metrics if isinstance(loop, BaseLoop) else ():
                if isinstance(metric, WorkDirUser):
                    metric.use_work_dir(runner.work_dir)
