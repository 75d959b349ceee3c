import os

from tiny_report import write_scalars

from qaclims_mm.report.scalars import read_scalars

BIG = int('1' + '0' * 400)


def test_scalars_of_a_run_that_was_killed(run):
    write_scalars(run / 'x', [dict(step=2, loss=5.0), dict(step=1, loss=4.0)], '20260101_000000')
    write_scalars(run / 'x', [dict(step=2, loss=3.0), dict(step=3, loss=2.0)], '20260102_000000')
    path = run / 'x/20260102_000000/vis_data/scalars.json'
    path.write_text(path.read_text() + '{"step": 4, "lo')
    assert [(e['step'], e['loss']) for e in read_scalars(run / 'x')] == [(1, 4), (2, 3), (3, 2)]
    assert read_scalars(run / 'irn') == []


def test_lines_that_nobody_logged(run):
    path = run / 'x/20260101_000000/vis_data/scalars.json'
    write_scalars(run / 'x', [dict(step=1, loss=2.0, lr=[1]), [1], dict(step=[1], loss='a'), 3])
    path.write_text(path.read_text() + '[' * 100_000 + '\n')
    assert read_scalars(run / 'x') == [{}, dict(step=1, loss=2.0)]


def test_scalars_that_are_none(run):
    write_scalars(run / 'x', [dict(step=1, loss=2.0, big=BIG, flag=True)], '20260101_000000')
    path = run / 'x/20260102_000000/vis_data/scalars.json'
    path.parent.mkdir(parents=True)
    os.mkfifo(path)
    assert read_scalars(run / 'x') == [dict(step=1, loss=2.0)]
