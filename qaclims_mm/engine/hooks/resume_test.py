"""Going on with a test run that writes files."""

from mmengine.hooks import Hook
from mmengine.runner import Runner

from qaclims_mm.registry import HOOKS


@HOOKS.register_module()
class ResumeTestHook(Hook):
    """Leaves out the images that every evaluator of the run has done.

    An evaluator takes part by a method ``done_ids(image_ids)`` that returns those of the ids whose
    result is kept; if one has none, nothing is left out. The loader's sampler must be a
    ``ShardSampler``.
    """

    def before_test(self, runner: Runner) -> None:
        """Tell the sampler what is done."""
        sampler = runner.test_dataloader.batch_sampler.sampler
        metrics = runner.test_evaluator.metrics
        if not hasattr(sampler, 'skip') or not all(hasattr(m, 'done_ids') for m in metrics):
            return
        ids = runner.test_dataloader.dataset.image_ids()
        done = set(ids).intersection(*(m.done_ids(ids) for m in metrics))
        if done:
            sampler.skip(done)
            runner.logger.info(f'{len(done)} of {len(ids)} images are done already and left out.')
