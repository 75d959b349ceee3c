import copy

import pytest

from qaclims_mm.datasets.samplers import Draw, SeededSampler, ShardBatchSampler, ShardSampler


class Ids:
    def __init__(self, number):
        self.ids = [f'{i:03d}' for i in range(number)]

    def __len__(self):
        return len(self.ids)

    def image_ids(self):
        return self.ids


@pytest.fixture
def as_rank(monkeypatch):
    def build(dataset, rank, world, **options):
        info = lambda: (rank, world)  # noqa: E731
        monkeypatch.setattr('qaclims_mm.datasets.samplers.get_dist_info', info)
        return ShardSampler(dataset, **options)

    return build


@pytest.mark.parametrize('shard_size', [1, 4, 100])
@pytest.mark.parametrize('world', [1, 2, 3])
def test_ranks_share_all_images_once_in_whole_shards(as_rank, shard_size, world):
    seen = []
    for rank in range(world):
        sampler = as_rank(Ids(11), rank, world, shard_size=shard_size)
        mine = list(sampler)
        assert len(mine) == len(sampler)
        assert mine == sorted(mine)
        assert {i // shard_size % world for i in mine} <= {rank}
        seen += mine
    assert sorted(seen) == list(range(11))


def test_batches_never_cross_a_shard(as_rank):
    sampler = as_rank(Ids(11), 0, 1, shard_size=4)
    batches = list(ShardBatchSampler(sampler, batch_size=3))
    assert batches == [[0, 1, 2], [3], [4, 5, 6], [7], [8, 9, 10]]
    assert len(ShardBatchSampler(sampler, batch_size=3)) == 5


def test_done_images_are_left_out(as_rank):
    sampler = as_rank(Ids(6), 0, 1)
    assert sampler.skip({'001', '004', 'elsewhere'}) == 2
    assert list(sampler) == [0, 2, 3, 5]
    assert len(sampler) == 4


def test_shards_that_a_lost_rank_has_left_are_dealt_to_all(as_rank):
    done = {f'{i:03d}' for i in (*range(4), *range(8, 12))}
    shares = []
    for rank in range(2):
        sampler = as_rank(Ids(18), rank, 2, shard_size=4)
        sampler.skip(done)
        shares.append(list(sampler))
    # shards 1 and 3 were both the second rank's
    assert shares == [[4, 5, 6, 7, 16, 17], [12, 13, 14, 15]]


def test_groups_are_kept_together(as_rank):
    groups = [3, 0, 3, 1, 0, 0, 1, 3]
    shares = []
    for rank in range(2):
        sampler = as_rank(Ids(8), rank, 2)
        sampler.keep_together(groups)
        sampler.skip({'004'})
        shares.append(list(ShardBatchSampler(sampler, batch_size=2)))
    assert shares == [[[1, 5], [0, 2], [7]], [[3, 6]]]


def test_refusals(as_rank):
    with pytest.raises(ValueError, match='round_up must be False'):
        as_rank(Ids(3), 0, 1, round_up=True)
    with pytest.raises(ValueError, match='shard_size must be at least 1, but got 0'):
        as_rank(Ids(3), 0, 1, shard_size=0)
    with pytest.raises(ValueError, match='drop_last must be False'):
        ShardBatchSampler(as_rank(Ids(3), 0, 1), 2, drop_last=True)


@pytest.fixture
def seeded(monkeypatch):
    def build(rank=0, world=1, epoch=0, **options):
        monkeypatch.setattr('mmengine.dataset.sampler.get_dist_info', lambda: (rank, world))
        sampler = SeededSampler(Ids(10), **{'seed': 3, **options})
        sampler.set_epoch(epoch)
        return [(int(draw), draw.seed) for draw in sampler]

    return build


def test_ranks_read_what_one_rank_reads_with_the_same_seeds(seeded):
    alone = seeded()
    assert sorted(index for index, _ in alone) == list(range(10))
    assert [index for index, _ in alone] != list(range(10))
    assert [index for index, _ in seeded(shuffle=False)] == list(range(10))
    shares = [seeded(rank, 2) for rank in range(2)]
    assert [draw for pair in zip(*shares, strict=True) for draw in pair] == alone


def test_every_reading_has_a_seed_of_its_own(seeded):
    epochs = [seeded(epoch=epoch) for epoch in range(3)] + [seeded(seed=4)]
    seeds = [seed for draws in epochs for _, seed in draws]
    assert len(set(seeds)) == len(seeds)
    assert seeded(epoch=1) == epochs[1]


def test_a_draw_goes_to_a_worker_whole():
    draw = copy.deepcopy(Draw(5, 7))
    assert (draw, draw.seed) == (5, 7)
    assert [10, 20, 30][Draw(1, 0)] == 20


class Corrected(Ids):
    """Images of which some have a corrected mask."""

    class Pipeline:
        def __init__(self, ids):
            self.transforms = [object(), self]
            self.ids = ids

        def is_corrected(self, image_id):
            return image_id in self.ids

    def __init__(self, number, corrected):
        super().__init__(number)
        self.pipeline = self.Pipeline(corrected)


@pytest.mark.parametrize('corrected', [[], ['002'], ['000', '003', '009'], 'all'])
@pytest.mark.parametrize('repeat', [1, 2, 5])
def test_corrected_images_stand_several_times_in_an_epoch(corrected, repeat):
    corrected = [f'{i:03d}' for i in range(10)] if corrected == 'all' else corrected
    sampler = SeededSampler(Corrected(10, corrected), seed=0, corrected_repeat=repeat)
    drawn = [int(draw) for draw in sampler]
    assert len(drawn) == len(sampler) == 10 + (repeat - 1) * len(corrected)
    for place in range(10):
        assert drawn.count(place) == (repeat if f'{place:03d}' in corrected else 1)
    # every reading has a seed of its own, so that its crops differ
    assert len({draw.seed for draw in sampler}) == len(drawn)


def test_without_corrected_masks_the_order_is_what_it_was():
    plain = [int(d) for d in SeededSampler(Ids(10), seed=0)]
    assert [int(d) for d in SeededSampler(Ids(10), seed=0, corrected_repeat=3)] == plain
    assert sorted(plain) == list(range(10)) != plain
    with pytest.raises(ValueError, match='corrected_repeat must be at least 1, but got 0'):
        SeededSampler(Ids(10), seed=0, corrected_repeat=0)
