"""Going on with a test run that writes files."""

from collections.abc import Sequence

from mmengine.dist import barrier, broadcast_object_list, is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from qaclims_mm.datasets.protocols import ImageList
from qaclims_mm.engine.checkpoints import checkpoint_hash
from qaclims_mm.engine.fingerprints import hash_image_ids, hashes_of_inputs
from qaclims_mm.engine.protocols import (
    FolderWriter,
    QuestionAsker,
    ResumableEvaluator,
    SkippingSampler,
)
from qaclims_mm.errors import ConfigError
from qaclims_mm.registry import HOOKS
from qaclims_mm.schemas import claim_folder, hash_config


def fingerprint_of(runner: Runner, image_ids: Sequence[str]) -> dict[str, str]:
    """Return hashes of all that the files of a test run depend on.

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
        images=hash_image_ids(image_ids),
        **hashes_of_inputs(runner.test_dataloader.dataset.pipeline.transforms),
    )
    if runner._load_from:
        fingerprint['checkpoint'] = checkpoint_hash(runner._load_from)
    if isinstance(model, QuestionAsker):
        fingerprint['questions'] = model.question_hash
    return fingerprint


@HOOKS.register_module()
class ResumeTestHook(Hook):
    """Leaves out the images that every evaluator of the run has done, and keeps runs apart.

    The folder of each ``FolderWriter`` is claimed for what its files depend on. Images are left out
    if every evaluator is a ``ResumableEvaluator``; the sampler must be a ``SkippingSampler``.

    Raises:
        ConfigError: If the dataset or the sampler cannot take part.
        StageError: If a folder holds files of another run.
    """

    def before_test(self, runner: Runner) -> None:
        """Claim the folders and tell the sampler what is done."""
        dataset = runner.test_dataloader.dataset
        metrics = runner.test_evaluator.metrics
        writers = [
            (m, folder)
            for m in metrics
            if isinstance(m, FolderWriter) and (folder := m.claimed_folder) is not None
        ]
        if not writers:
            return
        if not isinstance(dataset, ImageList):
            raise ConfigError(
                'test_dataloader needs a dataset with image ids, such as VOC12WeakDataset, but '
                f'has a {type(dataset).__name__}.'
            )
        ids = dataset.image_ids()
        fingerprint = fingerprint_of(runner, ids)
        for writer, folder in writers:
            own = {**fingerprint, **writer.settings}
            if is_main_process():
                claim_folder(folder, own)
            barrier()
            writer.begin(own, ids)
        if all(isinstance(m, ResumableEvaluator) for m in metrics):
            self._skip(runner, ids)

    def _skip(self, runner: Runner, ids: Sequence[str]) -> None:
        metrics = runner.test_evaluator.metrics
        found = [set(ids).intersection(*(m.done_ids(ids) for m in metrics))]
        # all ranks have looked before one of them writes
        barrier()
        # ranks deal what is left by one list; several machines may see files at different times
        broadcast_object_list(found)
        [done] = found
        sampler = runner.test_dataloader.batch_sampler.sampler
        if done and not isinstance(sampler, SkippingSampler):
            raise ConfigError(
                f'a {type(sampler).__name__} cannot leave out images that are done; give '
                "test_dataloader sampler=dict(type='ShardSampler'), or delete the folder."
            )
        if done:
            sampler.skip(done)
            runner.logger.info(f'{len(done)} of {len(ids)} images are done already and left out.')
