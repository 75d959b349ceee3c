"""Going on with a test run that writes files."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.dist import barrier, broadcast_object_list, is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from qaclims_mm.datasets.protocols import ImageList, RecordList
from qaclims_mm.engine.checkpoints import checkpoint_hash
from qaclims_mm.engine.fingerprints import hash_image_ids, hashes_of_inputs
from qaclims_mm.engine.protocols import (
    FolderWriter,
    GroupingSampler,
    PartKeeper,
    QuestionAsker,
    RecordKeeper,
    ResumableEvaluator,
    SkippingSampler,
)
from qaclims_mm.engine.shards import Shard
from qaclims_mm.errors import ConfigError
from qaclims_mm.registry import HOOKS
from qaclims_mm.schemas import claim_folder, hash_config, release_folder


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
        fingerprint['images'] = hash_image_ids(image_ids)
    fingerprint |= hashes_of_inputs(runner.test_dataloader.dataset.pipeline.transforms)
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

    A run of a shard (``switches.limit_to_shard``) leaves out the images of other shards too.

    Raises:
        ConfigError: If the dataset, the sampler or, of a shard, an evaluator cannot take part.
        StageError: If a folder holds files of another run.
    """

    def __init__(self) -> None:
        # folders that this run was the first to claim, until it has done an image
        self._new: list[Path] = []

    def after_test_iter(self, *_: Any, **__: Any) -> None:
        """Keep the folders: files are being written."""
        self._new.clear()

    def release(self, runner: Runner) -> None:
        """Give back the folders of a failed run that are empty yet."""
        if not self._new:
            return
        # a part of the first batch may wait to be written
        for metric in runner.test_evaluator.metrics:
            if isinstance(metric, PartKeeper):
                with contextlib.suppress(Exception):
                    metric.flush()
        for folder in self._new:
            release_folder(folder)

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
        for writer, folder in writers:
            keeps_records = isinstance(writer, RecordKeeper)
            fingerprint = fingerprint_of(runner, None if keeps_records else ids)
            own = {**fingerprint, **writer.settings}
            # other shards may not have written yet
            if is_main_process() and claim_folder(folder, own) and shard is None:
                self._new.append(folder)
            barrier()
            writer.begin(own, ids)
            if isinstance(writer, RecordKeeper):
                self._begin_records(runner, writer, ids, shard is not None)
        if all(isinstance(m, ResumableEvaluator) for m in metrics):
            self._skip(runner, ids, shard)

    def _begin_records(
        self, runner: Runner, writer: RecordKeeper, ids: Sequence[str], is_part: bool
    ) -> None:
        dataset = runner.test_dataloader.dataset
        sampler = runner.test_dataloader.batch_sampler.sampler
        if not isinstance(dataset, RecordList):
            raise ConfigError(
                f'{type(writer).__name__} needs a dataset with records, such as '
                f'VOC12WeakDataset, but test_dataloader has a {type(dataset).__name__}.'
            )
        runner.logger.info(f'Looking for new and changed images among {len(ids)}.')
        writer.begin_records(dataset.iterate_records(), is_part)
        if isinstance(sampler, GroupingSampler):
            sampler.keep_together(writer.groups(ids))

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
            runner.logger.info(f'done already and left out: {kept} of {len(mine)} images.')


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
    keepers = [m for m in metrics if isinstance(m, RecordKeeper)]
    if len(keepers) > 1:
        names = ' and '.join(type(m).__name__ for m in keepers)
        raise ConfigError(f'{names} group the images in two ways; run the test without --shard.')
    if not keepers:
        return [[image_id] for image_id in ids]
    units: dict[int, list[str]] = {}
    for image_id, group in zip(ids, keepers[0].groups(ids), strict=True):
        units.setdefault(group, []).append(image_id)
    return [units[group] for group in sorted(units)]
