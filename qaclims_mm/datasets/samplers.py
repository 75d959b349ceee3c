"""Samplers: of trainings that can be repeated, and of test runs that write files."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
from mmengine.dataset import DefaultSampler
from mmengine.dist import get_dist_info
from torch.utils.data import Sampler

from qaclims_mm.datasets.protocols import ImageList, MaskCorrector
from qaclims_mm.registry import DATA_SAMPLERS


class Draw(int):
    """A record's index, and the ``seed`` of the random transforms of this one reading of it."""

    seed: int

    def __new__(cls, index: int, seed: int) -> 'Draw':
        """Return the index with its seed."""
        draw = super().__new__(cls, index)
        draw.seed = seed
        return draw

    def __reduce__(self) -> tuple:
        """Go to a worker whole."""
        return Draw, (int(self), self.seed)


@DATA_SAMPLERS.register_module()
class SeededSampler(DefaultSampler):
    """mmengine's ``DefaultSampler`` that also seeds every reading of a record.

    What a training sees depends on the seed, the epoch and the place in it alone: not on the number
    of workers or ranks, nor on whether the run was broken off and goes on.

    Args:
        dataset: The images.
        corrected_repeat: How often an epoch has an image whose mask a person has corrected; all
            others stand in it once.
        **kwargs: As in ``DefaultSampler``.

    Raises:
        ValueError: If ``corrected_repeat`` is below 1.
    """

    def __init__(self, dataset: ImageList, corrected_repeat: int = 1, **kwargs: Any) -> None:
        if corrected_repeat < 1:
            raise ValueError(f'corrected_repeat must be at least 1, but got {corrected_repeat}.')
        self._places: Sequence[int] = range(len(dataset))
        if corrected_repeat > 1:
            self._places = _repeated(dataset, corrected_repeat)
        # an epoch is as long as the list of places
        super().__init__(self._places, **kwargs)

    def __iter__(self) -> Iterator[Draw]:
        """Yield this rank's share of the epoch."""
        generator = np.random.default_rng((self.seed, self.epoch))
        seeds = generator.integers(2**32, size=(self.total_size,)).tolist()
        mine = seeds[self.rank :: self.world_size]
        return map(Draw, map(self._places.__getitem__, super().__iter__()), mine)


def _repeated(dataset: ImageList, times: int) -> list[int]:
    """Return the places of all images, those with a corrected mask several times."""
    steps = getattr(getattr(dataset, 'pipeline', None), 'transforms', ())
    correctors = [step for step in steps if isinstance(step, MaskCorrector)]
    return [
        place
        for place, image_id in enumerate(dataset.image_ids())
        for _ in range(times if any(c.is_corrected(image_id) for c in correctors) else 1)
    ]


@DATA_SAMPLERS.register_module()
class ShardSampler(Sampler[int]):
    """Gives every rank whole shards of the dataset, in order and without padding.

    All ranks must leave out the same images, since they share what is left. An evaluator may say
    which images make a shard; by default those that follow one another do.

    Args:
        dataset: Images with their ids.
        shard_size: Images a shard; 1 deals single images to the ranks in turn.
        seed: Not used; mmengine's runner passes it.
        round_up: Must be ``False``: an image that counts twice would falsify every metric.

    Raises:
        ValueError: If ``shard_size`` is not positive or ``round_up`` is set.
    """

    def __init__(
        self,
        dataset: ImageList,
        shard_size: int = 1,
        seed: int | None = None,
        round_up: bool = False,
    ) -> None:
        if shard_size < 1:
            raise ValueError(f'shard_size must be at least 1, but got {shard_size}.')
        if round_up:
            raise ValueError('round_up must be False, so that no image counts twice.')
        self.dataset, self.shard_size = dataset, shard_size
        self.rank, self.world_size = get_dist_info()
        self._done: frozenset[str] = frozenset()
        self._groups: Sequence[int] | None = None

    def keep_together(self, groups: Sequence[int]) -> None:
        """Make shards of the images of one group; one number an image of the dataset."""
        self._groups = groups

    @property
    def crosses_shards(self) -> bool:
        """Whether a batch may have images of several shards: those of one image."""
        return self._groups is None and self.shard_size == 1

    def shard_of(self, index: int) -> int:
        """Return the shard of an image of the dataset."""
        return index // self.shard_size if self._groups is None else self._groups[index]

    def skip(self, image_ids: Collection[str]) -> int:
        """Leave out images that are done; returns how many of this dataset they are."""
        self._done = frozenset(image_ids)
        return len(self._done & set(self.dataset.image_ids()))

    def _indices(self) -> list[int]:
        left = list(range(len(self.dataset)))
        if self._done:
            ids = self.dataset.image_ids()
            left = [i for i in left if ids[i] not in self._done]
        # dealt anew: what a lost rank has left is work for all ranks of the next run
        shards = sorted({self.shard_of(i) for i in left})
        mine = {*shards[self.rank :: self.world_size]}
        return sorted((i for i in left if self.shard_of(i) in mine), key=self.shard_of)

    def __iter__(self) -> Iterator[int]:
        return iter(self._indices())

    def __len__(self) -> int:
        return len(self._indices())

    def set_epoch(self, epoch: int) -> None:
        """Do nothing: the order never changes."""


@DATA_SAMPLERS.register_module()
class ShardBatchSampler(Sampler[list[int]]):
    """Batches of a ``ShardSampler`` that never cross a shard (of more than one image).

    Args:
        sampler: The ``ShardSampler``.
        batch_size: Images a batch, at most.
        drop_last: Must be ``False``.
    """

    def __init__(self, sampler: ShardSampler, batch_size: int, drop_last: bool = False) -> None:
        if drop_last:
            raise ValueError('drop_last must be False: every image has to be written.')
        self.sampler, self.batch_size = sampler, batch_size

    def __iter__(self) -> Iterator[list[int]]:
        shard_of, may_cross = self.sampler.shard_of, self.sampler.crosses_shards
        batch: list[int] = []
        for index in self.sampler:
            crosses = batch and not may_cross and shard_of(index) != shard_of(batch[0])
            if len(batch) == self.batch_size or crosses:
                yield batch
                batch = []
            batch.append(index)
        if batch:
            yield batch

    def __len__(self) -> int:
        return sum(1 for _ in self)
