import pytest
import torch

from benchmarks import texts
from benchmarks.stages import SIZES, STAGES


def test_sizes():
    assert SIZES == ('tiny', 'full')


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
