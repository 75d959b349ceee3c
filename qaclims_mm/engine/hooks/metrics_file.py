"""The numbers of a test run as a file."""

import math
from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from qaclims_mm.registry import HOOKS
from qaclims_mm.schemas import METRICS, update_metrics


@HOOKS.register_module()
class MetricsFileHook(Hook):
    """Writes ``metrics.json`` into the work dir, {stage: {metric: value}}.

    Args:
        stage: Name of the stage; by default that of the work dir.
    """

    def __init__(self, stage: str | None = None) -> None:
        self.stage = stage

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Write the metrics; the times of the run are none."""
        if metrics and is_main_process():
            stage = self.stage or Path(runner.work_dir).name
            # JSON has no NaN: what could not be measured is left out
            kept = {
                k: round(float(v), 4) for k, v in metrics.items() if '/' in k and not math.isnan(v)
            }
            update_metrics(Path(runner.work_dir) / METRICS, stage, kept)
