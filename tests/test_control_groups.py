import pytest

from qaclims_mm import control_groups
from qaclims_mm.control_groups import groups_of


@pytest.mark.parametrize(
    ('membership', 'controller', 'wanted'),
    [
        ('', 'cpu', []),
        # version 2 has one tree for all
        ('0::/job/step\n', 'cpu', ['', 'job', 'job/step']),
        # version 1 has a tree for one or more controllers
        ('4:cpu,cpuacct:/box\n5:memory:/box\n', 'cpu', ['cpu,cpuacct', 'cpu,cpuacct/box']),
        ('4:cpu,cpuacct:/box\n5:memory:/box\n', 'memory', ['memory', 'memory/box']),
        # of the machine outside of a container
        ('0::/../../up\n', 'memory', ['']),
        # a name with a colon
        ('0::/a:b\n', 'memory', ['', 'a:b']),
    ],
)
def test_groups_and_those_above(groups, tmp_path, membership, controller, wanted):
    groups(membership, {})
    assert {*groups_of(controller)} == {tmp_path / name for name in wanted}


def test_a_system_without_groups(monkeypatch, tmp_path):
    monkeypatch.setattr(control_groups, '_MEMBERSHIP', tmp_path / 'none')
    assert groups_of('cpu') == []
