import pytest

from qaclims_mm.errors import StageError
from qaclims_mm.workflow.costs import check_disk, costs_left, shown_cost
from qaclims_mm.workflow.stage import Stage


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
        ([Stage('a', 'x', minutes=0.2)], 'left: 0 minutes, 1 stage of unknown size;'),
        ([Stage('a', 'x', megabytes=0.1)], 'left: 1 stage of unknown time, 0 MB;'),
        (
            [Stage('a', 'x'), Stage('b', 'x')],
            'left: 2 stages of unknown time, 2 stages of unknown size;',
        ),
    ],
)
def test_costs_that_are_unknown_have_no_zero(tmp_path, stages, begins):
    assert costs_left(stages, tmp_path, '').startswith(begins)


def test_a_disk_that_is_too_small(tmp_path):
    stages = [Stage('a', 'x', megabytes=1e12)]
    assert 'the disk is too small' in costs_left(stages, tmp_path, '')
    with pytest.raises(StageError, match=r'write about 10+ MB, but .* has \d+ MB free'):
        check_disk(stages, tmp_path)
    check_disk([Stage('b', 'x', megabytes=0.001), Stage('c', 'x')], tmp_path)
