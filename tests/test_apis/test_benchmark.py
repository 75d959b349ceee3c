import itertools

import numpy as np
import pytest

from qaclims_mm.apis import benchmark
from qaclims_mm.apis.benchmark import (
    benchmark_cam_metric,
    benchmark_qape,
    benchmark_random_walk,
    smooth_scene,
    time_in_turn,
)
from qaclims_mm.schemas import FormatError
from qaclims_mm.vlms.base import Answer


def test_ways_run_in_turn():
    calls = []
    ways = {name: lambda name=name: calls.append(name) or name * 2 for name in 'ab'}
    timings, results = time_in_turn(ways, rounds=3)
    assert calls == ['a', 'b'] * 3
    assert results == ['aa', 'bb']
    assert [(t.name, len(t.seconds)) for t in timings] == [('a', 3), ('b', 3)]
    assert all(s >= 0 for t in timings for s in t.seconds)
    assert timings[0].median == sorted(timings[0].seconds)[1]


class Asked:
    """Counts the images that are encoded."""

    drift = 0

    def __init__(self, *args, **kwargs):
        Asked.encoded = 0

    def load(self):
        pass

    def answer(self, images, questions):
        Asked.encoded += len(images)
        said = [Answer(f'{q} {Asked.encoded * self.drift}', 0.0) for q in questions[0]]
        return [said]


def test_qape_reference_encodes_the_image_for_every_question(monkeypatch):
    monkeypatch.setattr(benchmark, 'BlipVQA', Asked)
    timings = benchmark_qape(rounds=2)
    assert Asked.encoded == 2 * (1 + 16)
    assert timings[-1].name == 'one question a call'


def test_ways_that_answer_differently_are_no_benchmark(monkeypatch):
    monkeypatch.setattr(benchmark, 'BlipVQA', type('Drifting', (Asked,), dict(drift=1)))
    with pytest.raises(FormatError, match='the two ways answer differently'):
        benchmark_qape(rounds=1)


def test_cam_metric_ways_count_the_same(monkeypatch):
    monkeypatch.setattr(benchmark, 'count_pixels', counted := Counted())
    timings = benchmark_cam_metric(rounds=1)
    assert [t.name for t in timings][-1] == '99 passes of one threshold'
    assert counted.thresholds[0] == pytest.approx([0.15])
    assert sorted(set(map(len, counted.thresholds))) == [1, 99]
    one_pass = next(t for t in counted.thresholds if len(t) == 99)
    passes = np.array(counted.thresholds[-99 * 4 :]).reshape(99, 4)
    np.testing.assert_allclose(passes[:, 0], one_pass)


class Counted:
    def __init__(self):
        self.thresholds = []

    def __call__(self, cams, keys, mask, thresholds):
        assert cams.shape == (2, *mask.shape)
        self.thresholds.append(list(thresholds))


def test_random_walks_are_of_growing_maps(monkeypatch):
    walked = []
    monkeypatch.setattr(
        benchmark, 'random_walk', lambda cams, edge, method: walked.append((edge.shape, method))
    )
    timings = benchmark_random_walk(rounds=1)
    cells = [h * w for (h, w), method in walked if method == 'chebyshev']
    assert all(1.9 < b / a < 2.1 for a, b in itertools.pairwise(cells))
    assert walked[-1] == ((94, 125), 'steps')
    assert len(timings) == 5


def test_scenes_are_of_the_usual_size_and_have_something_of_all():
    maps, keys, picture = smooth_scene(0)
    assert (maps.shape, picture.shape, len(keys)) == ((2, 375, 500), (375, 500, 3), 2)
    assert maps.min() >= 0
    # surely nothing, surely something, and in between
    assert (maps.max(0) < 0.05).any()
    assert (maps.max(0) > 0.3).mean() > 0.1
    assert not np.array_equal(smooth_scene(1)[2], picture)
