"""The lists of records that could not be used, and of those with a remark."""

from collections.abc import Sequence
from typing import Any

from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmengine.runner import Runner

from qaclims_mm.engine.protocols import FailureKeeper, RemarkKeeper
from qaclims_mm.errors import RecordError
from qaclims_mm.registry import HOOKS
from qaclims_mm.schemas import join_problems


@HOOKS.register_module()
class FailedRecordsHook(Hook):
    """Collects the bad records of all ranks and workers and logs them at the end.

    ``failures`` is {image_id: reason} afterwards; the tools turn it into their exit status.
    ``remarks`` is {image_id: remark} of records that were used, but are worth a look; they do not
    change the exit status.
    """

    def __init__(self) -> None:
        self.failures: dict[str, str] = {}
        self.remarks: dict[str, str] = {}

    def _collect(self, samples: Sequence[Any]) -> None:
        for sample in samples:
            if isinstance(sample, (list, tuple)):
                # test-time augmentation: a list of copies of every image
                self._collect(sample)
                continue
            if sample.get('failed'):
                self.failures[sample.image_id] = sample.failed
            self.failures.update(sample.get('failed_records', ()))

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Look at a training batch."""
        self._collect(data_batch['data_samples'])

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Look at a test batch, and at what the model says about it.

        Raises:
            RecordError: If a strict dataset has a record that the model refuses.
        """
        self._collect(data_batch['data_samples'])
        # what the dataset itself refuses has stopped the run before
        refused = [s.failed for s in outputs or () if s.get('failed')]
        # on another device the outputs are samples of their own
        self._collect(outputs or ())
        if refused and getattr(runner.test_dataloader.dataset, 'strict', False):
            raise RecordError(refused[0])
        for sample in outputs or ():
            if remark := sample.get('remark'):
                self.remarks[sample.image_id] = remark

    def after_train(self, runner: Runner) -> None:
        """Report."""
        self._report(runner)

    def after_test(self, runner: Runner) -> None:
        """Report the records of this run, and those of earlier runs that an evaluator knows."""
        for metric in runner.test_evaluator.metrics:
            # the newest reason says what to do
            if isinstance(metric, FailureKeeper):
                self.failures = {**metric.failures, **self.failures}
            if isinstance(metric, RemarkKeeper):
                self.remarks = {**metric.remarks, **self.remarks}
        self._report(runner)

    def _report(self, runner: Runner) -> None:
        for failures, remarks in all_gather_object((self.failures, self.remarks)):
            self.failures.update(failures)
            self.remarks.update(remarks)
        if self.remarks:
            lines = [f'{i}: {remark}' for i, remark in sorted(self.remarks.items())]
            runner.logger.warning(join_problems(lines, 'record', 'have a remark', shown=50))
        if self.failures:
            lines = [f'{i}: {reason}' for i, reason in sorted(self.failures.items())]
            runner.logger.error(join_problems(lines, 'record', 'could not be used', shown=50))
