"""Going on with a test run that writes files."""

from collections.abc import Sequence
from typing import Any

from mmengine.dist import barrier, broadcast_object_list, is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from qaclims_mm.datasets.protocols import ImageList
from qaclims_mm.engine.checkpoints import checkpoint_hash
from qaclims_mm.engine.fingerprints import hash_image_ids, hashes_of_inputs
from qaclims_mm.engine.protocols import (
    FolderWriter,
    PartKeeper,
    QuestionAsker,
    ResumableEvaluator,
    SkippingSampler,
    UnitKeeper,
)
from qaclims_mm.engine.shards import Shard
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

    A run of a shard (``switches.limit_to_shard``) leaves out the images of other shards too.

    Raises:
        ConfigError: If the dataset, the sampler or, of a shard, an evaluator cannot take part.
        StageError: If a folder holds files of another run.
    """

    def before_test(self, runner: Runner) -> None:
        """Claim the folders and tell the sampler what is done."""
        dataset = runner.test_dataloader.dataset
        metrics = runner.test_evaluator.metrics
        shard = shard_of(runner)
        if shard is not None:
            _check_keep_parts(metrics)
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
            self._skip(runner, ids, shard)

    def _skip(self, runner: Runner, ids: Sequence[str], shard: Shard | None) -> None:
        metrics = runner.test_evaluator.metrics
        found = [set(ids).intersection(*(m.done_ids(ids) for m in metrics))]
        # all ranks have looked before one of them writes
        barrier()
        # ranks deal what is left by one list; several machines may see files at different times
        broadcast_object_list(found)
        [done] = found
        sampler = runner.test_dataloader.batch_sampler.sampler
        mine = set(ids) if shard is None else shard.share(_units_of(metrics, ids))
        left_out = done | (set(ids) - mine)
        if left_out and not isinstance(sampler, SkippingSampler):
            raise ConfigError(
                f'a {type(sampler).__name__} cannot leave out images that are done; give '
                "test_dataloader sampler=dict(type='ShardSampler'), or delete the folder."
            )
        if left_out:
            sampler.skip(left_out)
        if shard is not None:
            runner.logger.info(f'shard {shard} has {len(mine)} of {len(ids)} images.')
        if kept := len(done & mine):
            runner.logger.info(f'{kept} of {len(mine)} images are done already and left out.')


def shard_of(runner: Runner) -> Shard | None:
    """Return the shard that a run is limited to, ``None`` if it has all images."""
    found = runner.cfg.get('shard')
    return None if found is None else Shard(*found)


def _check_keep_parts(metrics: Sequence[Any]) -> None:
    """Refuse evaluators whose results of a shard would be lost.

    Raises:
        ConfigError: If there is one.
    """
    for metric in metrics:
        kept = isinstance(metric, FolderWriter) and metric.claimed_folder is not None
        if not (kept and isinstance(metric, ResumableEvaluator) and isinstance(metric, PartKeeper)):
            raise ConfigError(
                f'{type(metric).__name__} keeps no results in a folder, so those of a shard would '
                'be lost; run the test without --shard.'
            )


def _units_of(metrics: Sequence[Any], ids: Sequence[str]) -> list[list[str]]:
    """Return the images in groups that one process must have together.

    Raises:
        ConfigError: If more than one evaluator wants groups.
    """
    keepers = [m for m in metrics if isinstance(m, UnitKeeper)]
    if len(keepers) > 1:
        names = ' and '.join(type(m).__name__ for m in keepers)
        raise ConfigError(f'{names} group the images in two ways; run the test without --shard.')
    return keepers[0].units(ids) if keepers else [[image_id] for image_id in ids]
