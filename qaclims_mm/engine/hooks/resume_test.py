"""Going on with a test run that writes files."""

import hashlib
from collections.abc import Sequence

from mmengine.dist import barrier, broadcast_object_list, is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from qaclims_mm.engine.checkpoints import checkpoint_hash
from qaclims_mm.registry import HOOKS
from qaclims_mm.schemas import claim_folder, hash_config, manifest_hash


def fingerprint_of(runner: Runner, image_ids: Sequence[str]) -> dict[str, str]:
    """Return hashes of all that the files of a test run depend on.

    A transform that reads another stage's folder names it as ``reads``.

    Raises:
        FormatError: If such a stage has not finished.
    """
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    config = dict(
        model=runner.cfg.model,
        dataset=runner.cfg.test_dataloader.dataset,
        work_dir=runner.work_dir,
    )
    fingerprint = dict(
        config=hash_config(config),
        images=hashlib.sha256('\n'.join(image_ids).encode()).hexdigest(),
    )
    for transform in runner.test_dataloader.dataset.pipeline.transforms:
        if getattr(transform, 'reads', None):
            fingerprint[type(transform).__name__] = manifest_hash(transform.reads)
    if runner._load_from:
        fingerprint['checkpoint'] = checkpoint_hash(runner._load_from)
    if hasattr(model, 'question_hash'):
        fingerprint['questions'] = model.question_hash
    return fingerprint


@HOOKS.register_module()
class ResumeTestHook(Hook):
    """Leaves out the images that every evaluator of the run has done, and keeps runs apart.

    An evaluator that writes files has ``out_dir``, ``begin(fingerprint, image_ids)`` and perhaps
    ``settings``, {name: value}; the folder is claimed for what the files depend on. An evaluator
    takes part in going on by ``done_ids(image_ids)``, those whose result is kept; if one has none,
    nothing is left out. The loader's sampler must be a ``ShardSampler``.

    Raises:
        FormatError: If a folder holds files of another run.
    """

    def before_test(self, runner: Runner) -> None:
        """Claim the folders and tell the sampler what is done."""
        dataset = runner.test_dataloader.dataset
        metrics = runner.test_evaluator.metrics
        writers = [m for m in metrics if getattr(m, 'out_dir', None)]
        if not writers:
            return
        ids = dataset.image_ids()
        fingerprint = fingerprint_of(runner, ids)
        for writer in writers:
            own = {**fingerprint, **getattr(writer, 'settings', {})}
            if is_main_process():
                claim_folder(writer.out_dir, own)
            barrier()
            writer.begin(own, ids)
        if all(hasattr(m, 'done_ids') for m in metrics):
            self._skip(runner, ids)

    def _skip(self, runner: Runner, ids: Sequence[str]) -> None:
        metrics = runner.test_evaluator.metrics
        found = [set(ids).intersection(*(m.done_ids(ids) for m in metrics))]
        # all ranks have looked before one of them writes
        barrier()
        # ranks deal what is left by one list; several machines may see files at different times
        broadcast_object_list(found)
        [done] = found
        if done:
            runner.test_dataloader.batch_sampler.sampler.skip(done)
            runner.logger.info(f'{len(done)} of {len(ids)} images are done already and left out.')
