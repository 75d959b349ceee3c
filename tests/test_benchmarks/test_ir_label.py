import itertools

import numpy as np
import pytest
import torch

from benchmarks import ir_label
from benchmarks.ir_label import smooth_scene
from qaclims_mm.errors import FormatError


class FakePools:
    """Notes how many processes are asked for what, and runs nothing in another one."""

    def __init__(self):
        self.asked = []

    def Pool(self, processes, begin=None, threads=(None,)):  # multiprocessing's name
        def starmap(function, scenes, chunksize):
            self.asked.append((processes, len(scenes), chunksize, *threads))
            return list(itertools.starmap(function, scenes))

        return type('Pool', (), dict(starmap=staticmethod(starmap)))


@pytest.fixture
def pools(monkeypatch):
    made = FakePools()
    monkeypatch.setattr(ir_label, 'get_context', lambda method: made)
    monkeypatch.setattr(ir_label, 'confident_labels', lambda maps, keys, picture: keys)
    return made


def test_two_processes_against_one(pools):
    case = ir_label.build('tiny', torch.device('cpu'))
    # each process has imported what it needs before it is timed
    assert pools.asked == [(1, 2, 1, 1), (2, 2, 1, 1), (1, 2, 1, None)]
    for way in case.ways.values():
        way()
    assert pools.asked[3:] == [(2, 4, 1, 1), (1, 4, 1, None), (1, 4, 1, 1)]


def test_other_labels_are_refused(pools):
    case = ir_label.build('tiny', torch.device('cpu'))
    results = [way() for way in case.ways.values()]
    case.check(results)
    results[0][1] = results[0][1] + 1
    with pytest.raises(FormatError, match=r'^the ways make other labels'):
        case.check(results)


def test_scenes_are_of_the_usual_size_and_have_something_of_all():
    maps, keys, picture = smooth_scene(0, 375, 500)
    assert (maps.shape, picture.shape, len(keys)) == ((2, 375, 500), (375, 500, 3), 2)
    assert maps.min() >= 0
    # surely nothing, surely something, and in between
    assert (maps.max(0) < 0.05).any()
    assert (maps.max(0) > 0.3).mean() > 0.1
    assert not np.array_equal(smooth_scene(1, 375, 500)[2], picture)
