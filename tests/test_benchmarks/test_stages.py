import pytest
import torch

from benchmarks import texts
from benchmarks.growth import AXES, slope_of
from benchmarks.limits import REASONS
from benchmarks.stages import GROWTHS, SIZES, STAGES


def test_sizes():
    assert SIZES == ('tiny', 'full')


def test_each_stage_has_an_axis_and_a_reason():
    assert list(AXES) == list(STAGES)
    assert set(REASONS) == set(STAGES)
    assert set(GROWTHS) == set(STAGES)
    for axis in AXES.values():
        assert list(axis.sizes) == sorted(axis.sizes)
        assert len(axis.sizes) >= 4


@pytest.mark.parametrize(
    'stage', ['cams', 'cam_metric', 'dense_crf', 'ir_label', 'predict', 'qape', 'random_walk']
)
def test_stage_measures_its_growth(stage):
    smallest = AXES[stage].sizes[0] if AXES[stage].unit == 'images' else 100
    sizes = (smallest, 4 * smallest)
    points = GROWTHS[stage](sizes)
    assert tuple(p['size'] for p in points) == sizes
    assert all(p['seconds'] > 0 and p['bytes'] >= 0 for p in points)
    assert slope_of(points) < 2


@pytest.mark.parametrize('stage', STAGES)
def test_stage_is_built_and_its_ways_agree(monkeypatch, stage):
    monkeypatch.setitem(texts._SIZES, 'tiny', (60, 2))
    assert STAGES[stage].__module__ == f'benchmarks.{stage}'
    case = STAGES[stage]('tiny', torch.device('cpu'))
    assert len(case.ways) >= 2
    assert case.work
    assert case.items > 0
    # a bar is what the reference is there for
    assert case.bar > 0
    case.check([way() for way in case.ways.values()])
