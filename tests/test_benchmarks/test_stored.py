import json
import os

import pytest
import torch

from benchmarks.case import Case, Report, Timing
from benchmarks.machine import Spent
from benchmarks.stored import (
    Growth,
    Origin,
    Stage,
    Way,
    origin_of,
    read_growth,
    read_stage,
    stage_of,
    write_numbers,
)
from qaclims_mm.errors import FormatError

ORIGIN = Origin('python -m benchmarks all', '2026-11-30', 'a machine', 2, {'torch': '2.14.1'})


def stage(**changes):
    ways = [Way('ours', [1.0, 3.0, 2.0], 4, 0), Way('theirs', [8.0], 16, 0)]
    fields = dict(
        origin=ORIGIN,
        work='work',
        items=3,
        unit='images',
        bar=2.0,
        memory_bar=0.0,
        memory='peak',
        flops=10**9,
        traffic=7,
        flop_rate=1e9,
        byte_rate=1e6,
        least=1.0,
        ways=ways,
    )
    return Stage(**fields | changes)


def grown(**changes):
    points = [dict(size=s, seconds=0.5 * s, bytes=9, flops=10**8 * s, traffic=0) for s in (1, 4)]
    fields = dict(origin=ORIGIN, unit='images', flop_rate=1e9, byte_rate=1e6, points=points)
    return Growth(**fields | changes)


def test_numbers_are_read_as_they_were_written(tmp_path):
    for made in (stage(), stage(flops=None, flop_rate=None, byte_rate=None)):
        path = write_numbers(tmp_path, 'qape', made)
        assert path == tmp_path / 'qape.json'
        assert read_stage(path) == made
    path = write_numbers(tmp_path, 'qape', grown())
    assert path == tmp_path / 'qape.growth.json'
    assert read_growth(path) == grown()


def test_what_is_kept_of_a_report():
    ways = dict(ours=int, theirs=int)
    case = Case(ways, 'work', 3, bar=2.0, traffic=7)
    timings = [
        Timing('ours', [Spent(1.0, 3), Spent(3.0, 5), Spent(2.0, 4)]),
        Timing('theirs', [Spent(8.0, 16)]),
    ]
    report = Report(case, timings, 'cpu', 10**9, 1e9, 1e6)
    assert stage_of(report, ORIGIN) == stage()
    assert stage().ways[0].median == 2.0


@pytest.mark.parametrize(
    ('load', 'note'), [(0.5, ''), (10_000.4, 'Other jobs ran beside it (load 10000).')]
)
def test_origin_names_machine_and_versions(monkeypatch, load, note):
    monkeypatch.setattr(os, 'getloadavg', lambda: (load, 0.0, 0.0))
    found = origin_of('python x', torch.device('cpu'), 1)
    assert (found.command, found.threads, found.note) == ('python x', 1, note)
    assert found.machine.endswith(' GB')
    assert ' cores, ' in found.machine
    assert found.versions['torch'] == torch.__version__.partition('+')[0]
    assert {'python', 'qaclims_mm', 'numpy'} <= set(found.versions)
    assert len(found.date) == len('2026-11-30')


def test_the_machines_limit_of_a_point():
    growth = grown()
    assert growth.least(dict(size=1, flops=2 * 10**9, traffic=10**6)) == 2.0
    assert growth.least(dict(size=1, flops=0, traffic=3 * 10**6)) == 3.0
    # not every module says
    assert growth.least(dict(size=1, seconds=1, bytes=1)) == 0


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda v: v.update(schema=2), "no 'schema'"),
        (lambda v: v.pop('bar'), "no 'stage'"),
        (lambda v: v.update(more=1), "no 'stage'"),
        (lambda v: v.update(bar='2'), "no 'bar'"),
        (lambda v: v.update(flops=1.5), "no 'flops'"),
        (lambda v: v.update(ways=[]), "no 'ways'"),
        (lambda v: v['ways'].pop(), "no 'ways'"),
        (lambda v: v['ways'][0].update(seconds=[]), "no 'seconds'"),
        (lambda v: v['ways'][0].update(seconds=[0]), "no 'seconds'"),
        (lambda v: v['ways'].append('x'), "no 'way'"),
        (lambda v: v['origin'].pop('date'), "no 'origin'"),
        (lambda v: v['origin'].update(versions=[]), "no 'versions'"),
    ],
)
def test_other_numbers_of_a_stage_are_refused(tmp_path, change, message):
    path = write_numbers(tmp_path, 'qape', stage())
    value = json.loads(path.read_text(encoding='utf-8'))
    change(value)
    path.write_text(json.dumps(value), encoding='utf-8')
    with pytest.raises(FormatError, match=message):
        read_stage(path)


@pytest.mark.parametrize(
    'points', [{}, [], [dict(size=1, seconds=1, bytes=1)], 2 * [dict(size=1, seconds=1)], [1, 2]]
)
def test_other_points_are_refused(tmp_path, points):
    if points and isinstance(points, list) and 'bytes' not in str(points):
        points = [dict(size=0, seconds=1, bytes=1), *points]
    path = write_numbers(tmp_path, 'qape', grown(points=points))
    with pytest.raises(FormatError, match="no 'points'"):
        read_growth(path)
