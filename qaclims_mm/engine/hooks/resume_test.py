"""Going on with a test run that writes files."""

import hashlib
from collections.abc import Sequence

from mmengine.dist import barrier, broadcast_object_list, is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from qaclims_mm.datasets.protocols import ImageList, RecordList
from qaclims_mm.engine.checkpoints import checkpoint_hash
from qaclims_mm.engine.protocols import (
    FolderWriter,
    GroupingSampler,
    QuestionAsker,
    RecordKeeper,
    ResumableEvaluator,
    SkippingSampler,
    StageReader,
)
from qaclims_mm.errors import ConfigError
from qaclims_mm.registry import HOOKS
from qaclims_mm.schemas import claim_folder, hash_config, manifest_hash


def fingerprint_of(runner: Runner, image_ids: Sequence[str] | None) -> dict[str, str]:
    """Return hashes of all that the files of a test run depend on.

    Args:
        runner: The run.
        image_ids: All images; ``None`` leaves out the dataset, and keeps how images are read.

    Raises:
        FormatError: If such a stage has not finished.
    """
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    dataset = runner.cfg.test_dataloader.dataset
    if image_ids is None:
        dataset = dict(pipeline=dataset.get('pipeline'))
    config = dict(model=runner.cfg.model, dataset=dataset, work_dir=runner.work_dir)
    fingerprint = dict(config=hash_config(config))
    if image_ids is not None:
        fingerprint['images'] = hashlib.sha256('\n'.join(image_ids).encode()).hexdigest()
    for transform in runner.test_dataloader.dataset.pipeline.transforms:
        if isinstance(transform, StageReader) and transform.input_folder is not None:
            fingerprint[type(transform).__name__] = manifest_hash(transform.input_folder)
    if runner._load_from:
        fingerprint['checkpoint'] = checkpoint_hash(runner._load_from)
    if isinstance(model, QuestionAsker):
        fingerprint['questions'] = model.question_hash
    return fingerprint


@HOOKS.register_module()
class ResumeTestHook(Hook):
    """Leaves out the images that every evaluator of the run has done, and keeps runs apart.

    The folder of each ``FolderWriter`` is claimed for what its files depend on: that of a
    ``RecordKeeper`` for the model and how images are read, others for the images too. Images are
    left out if every evaluator is a ``ResumableEvaluator``; the sampler must be a
    ``SkippingSampler``.

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
        for writer, folder in writers:
            keeps_records = isinstance(writer, RecordKeeper)
            fingerprint = fingerprint_of(runner, None if keeps_records else ids)
            own = {**fingerprint, **writer.settings}
            if is_main_process():
                claim_folder(folder, own)
            barrier()
            writer.begin(own, ids)
            if isinstance(writer, RecordKeeper):
                self._begin_records(runner, writer, ids)
        if all(isinstance(m, ResumableEvaluator) for m in metrics):
            self._skip(runner, ids)

    def _begin_records(self, runner: Runner, writer: RecordKeeper, ids: Sequence[str]) -> None:
        dataset = runner.test_dataloader.dataset
        sampler = runner.test_dataloader.batch_sampler.sampler
        if not isinstance(dataset, RecordList):
            raise ConfigError(
                f'{type(writer).__name__} needs a dataset with records, such as '
                f'VOC12WeakDataset, but test_dataloader has a {type(dataset).__name__}.'
            )
        runner.logger.info(f'Looking for new and changed images among {len(ids)}.')
        writer.begin_records(dataset.iterate_records())
        if isinstance(sampler, GroupingSampler):
            sampler.keep_together(writer.groups(ids))

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
