import os

import pytest

from qaclims_mm.cores import number_of_cores


def test_this_process():
    assert 1 <= number_of_cores() <= os.cpu_count()


@pytest.mark.parametrize(
    ('membership', 'files', 'wanted'),
    [
        ('0::/\n', {}, 8),
        ('0::/\n', {'cpu.max': 'max 100000\n'}, 8),
        # docker run --cpus 2.5
        ('0::/\n', {'cpu.max': '250000 100000\n'}, 2),
        ('0::/\n', {'cpu.max': '50000 100000\n'}, 1),
        ('0::/\n', {'cpu.max': '6400000 100000\n'}, 8),
        # the bound of a group above counts too
        (
            '0::/job/step\n',
            {'job/cpu.max': '300000 100000\n', 'job/step/cpu.max': 'max 100000\n'},
            3,
        ),
        (
            '4:cpu,cpuacct:/box\n',
            {
                'cpu,cpuacct/box/cpu.cfs_quota_us': '400000\n',
                'cpu,cpuacct/box/cpu.cfs_period_us': '100000\n',
            },
            4,
        ),
        (
            '4:cpu:/box\n',
            {'cpu/box/cpu.cfs_quota_us': '-1\n', 'cpu/box/cpu.cfs_period_us': '100000\n'},
            8,
        ),
        # memory bounds no cores
        ('5:memory:/box\n', {'memory/box/cpu.max': '100000 100000\n'}, 8),
        ('0::/\n', {'cpu.max': 'nonsense'}, 8),
        ('0::/\n', {'cpu.max': '100000 0\n'}, 8),
    ],
)
def test_bounds_of_containers(groups, monkeypatch, membership, files, wanted):
    monkeypatch.setattr(os, 'sched_getaffinity', lambda pid: range(8))
    groups(membership, files)
    assert number_of_cores() == wanted


def test_a_system_that_does_not_tell(groups, monkeypatch):
    groups('', {})
    monkeypatch.delattr(os, 'sched_getaffinity')
    monkeypatch.setattr(os, 'cpu_count', lambda: 6)
    assert number_of_cores() == 6
    monkeypatch.setattr(os, 'cpu_count', lambda: None)
    assert number_of_cores() == 1
