import io

import pytest
from test_schemas.test_numbers.test_ablation_results import results

from qaclims_mm.console import new_console
from qaclims_mm.errors import ConfigError
from qaclims_mm.schemas.numbers.ablation_results import ResultRow
from qaclims_mm.workflow.verifying import verified_table, verify_row

METRIC = 'cam/mIoU'


def measured(value, seed=1, name='a', metric=METRIC):
    row = ResultRow(name, 'A', 's-a', None, {metric: {str(seed): value}})
    return results(rows=[row], seeds=[seed])


# of 50, 52 and 51: 51 and 4.303 * 1.155 to both sides
@pytest.mark.parametrize(
    ('value', 'is_inside'), [(51.0, True), (46.1, True), (45.9, False), (56.1, False)]
)
def test_one_more_training(value, is_inside):
    [found] = verify_row(results(), measured(value), 'a')
    assert (found.low, found.high) == pytest.approx((46.03, 55.97), abs=0.01)
    assert found.is_inside == is_inside
    assert (found.measured, found.same_seed) == (value, 52.0)
    [other] = verify_row(results(), measured(value, seed=7), 'a')
    assert other.same_seed is None


def test_what_no_seed_moves_must_be_equal():
    rows = [ResultRow('a', 'A', 's-a', None, {METRIC: {'0': 24.04, '1': 24.04}})]
    stored = results(rows=rows)
    assert [verify_row(stored, measured(v), 'a')[0].is_inside for v in (24.0, 24.1)] == [
        True,
        False,
    ]


@pytest.mark.parametrize(
    ('found', 'name', 'message'),
    [
        (measured(5.0, name='c'), 'c', 'have row c over fewer than two seeds'),
        (measured(5.0, name='x'), 'x', 'have row x over fewer than two seeds'),
        (measured(5.0, name='b'), 'a', 'row a of suite s has no number of seed 1'),
    ],
)
def test_what_cannot_be_compared(found, name, message):
    with pytest.raises(ConfigError, match=message):
        verify_row(results(), found, name)


def test_metrics_that_are_not_stored_are_left_out():
    now = measured(51.0)
    now.rows[0].values['cam/new'] = {'1': 3.0}
    assert [v.title for v in verify_row(results(), now, 'a')] == ['best mIoU']


def test_table():
    shown = io.StringIO()
    found = verify_row(results(), measured(45.9), 'a')
    new_console(file=shown, width=120).print(verified_table('a, seed 1', found, 1))
    cells = [c.strip() for c in shown.getvalue().splitlines()[-2].strip('│').split('│')]
    assert cells == ['best mIoU', '51.0 (3 seeds)', '46.0 to 56.0', '45.9', '52.0', 'no']
    assert len(verified_table('a', verify_row(results(), measured(5, 7), 'a'), 7).columns) == 5
