import pytest

from qaclims_mm.errors import StageError
from qaclims_mm.workflow import costs
from qaclims_mm.workflow.costs import check_disk, costs_left, shown_cost
from qaclims_mm.workflow.stage import Stage
from qaclims_mm.workflow.time_left import Correction


@pytest.fixture(autouse=True)
def slowdown(monkeypatch):
    """Let a machine be as busy as tests say; it is quiet at first."""

    def become(factor):
        monkeypatch.setattr(costs, 'measure_slowdown', lambda: factor)

    become(1.0)
    return become


def test_costs_that_are_known_and_some_that_are_not(tmp_path):
    stages = [Stage('a', 'x', minutes=2.0, megabytes=3.0), Stage('b', 'x')]
    said = costs_left(stages, tmp_path / 'not/there/yet', 'a laptop')
    assert said.startswith(
        'left: 2 minutes and 1 stage of unknown time, 3 MB and 1 stage of unknown size'
    )
    assert said.endswith('costs: a laptop')
    assert [shown_cost(c) for c in (None, 0.26, 12.4)] == ['?', '0.3', '12']


@pytest.mark.parametrize(
    ('stages', 'begins'),
    [
        ([], 'left: 0 minutes, 0 MB;'),
        ([Stage('a', 'x', minutes=0.2)], 'left: less than a minute, 1 stage of unknown size;'),
        ([Stage('a', 'x', megabytes=0.1)], 'left: 1 stage of unknown time, 0 MB;'),
        (
            [Stage('a', 'x'), Stage('b', 'x')],
            'left: 2 stages of unknown time, 2 stages of unknown size;',
        ),
    ],
)
def test_costs_that_are_unknown_have_no_zero(tmp_path, stages, begins):
    assert costs_left(stages, tmp_path, '').startswith(begins)


def test_a_machine_that_is_busy(tmp_path, slowdown):
    slowdown(3.0)
    said = costs_left([Stage('a', 'x', minutes=4.0)], tmp_path, 'a laptop')
    assert said.startswith('left: 4 to 12 minutes')
    assert said.endswith('costs: a laptop; this machine is busy and takes 3.0 times as long')
    assert 'busy' not in costs_left([Stage('b', 'x')], tmp_path, 'a laptop')
    slowdown(295.4)
    said = costs_left([Stage('a', 'x', minutes=4.0)], tmp_path, 'a laptop')
    # no range of hours
    assert said.startswith('left: 4 minutes on a quiet machine, ')
    assert said.endswith('costs: a laptop; this machine is busy and takes 295.4 times as long')


def test_stages_that_have_run_correct_the_others(tmp_path, slowdown):
    slowdown(9.0)
    stages = [Stage('a', 'x', minutes=20.0)]
    said = costs_left(stages, tmp_path, 'a laptop', Correction(1.5, 2.0, 3.0, 2))
    assert said.startswith('left: 15 to 30 minutes')
    assert said.endswith(
        'a laptop; corrected by the 2 larger stages that have run: 1.5 to 3.0 times the estimate'
    )
    said = costs_left(stages, tmp_path, 'a laptop', Correction(1.0, 2.0, 2.0, 1))
    assert said.startswith('left: 10 to 20 minutes')
    assert said.endswith('by the stage that has run: 1.0 to 2.0 times the estimate')


def test_a_disk_that_is_too_small(tmp_path):
    stages = [Stage('a', 'x', megabytes=1e12)]
    assert 'the disk is too small' in costs_left(stages, tmp_path, '')
    with pytest.raises(StageError, match=r'write about 10+ MB, but .* has \d+ MB free'):
        check_disk(stages, tmp_path)
    check_disk([Stage('b', 'x', megabytes=0.001), Stage('c', 'x')], tmp_path)
