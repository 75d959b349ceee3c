from types import SimpleNamespace

import pytest

from qaclims_mm import free_memory as memory

GB = 10**9


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Set what the machine has free and what files of control groups hold."""

    def machine(free, groups, files):
        monkeypatch.setattr('psutil.virtual_memory', lambda: SimpleNamespace(available=free))
        monkeypatch.setattr(memory, '_CGROUPS', tmp_path)
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        (tmp_path / 'membership').write_text(groups)
        real = memory.Path
        monkeypatch.setattr(
            memory,
            'Path',
            lambda p: tmp_path / 'membership' if p == '/proc/self/cgroup' else real(p),
        )

    return machine


V2 = {
    'job/memory.max': '5000',
    'job/memory.current': '3000',
    'job/memory.stat': 'anon 1\ninactive_file 400\n',
    'job/step/memory.max': 'max',
    'job/step/memory.current': '3000',
    'job/step/memory.stat': 'anon 1\n',
}
V1 = {
    'memory/box/memory.limit_in_bytes': '9000',
    'memory/box/memory.usage_in_bytes': '1000',
    'memory/box/memory.stat': 'total_inactive_file 500\n',
}


@pytest.mark.parametrize(
    ('free', 'groups', 'files', 'wanted'),
    [
        (7000, '', {}, 7000),
        # the bound of a group above counts too
        (7000, '0::/job/step\n', V2, 2400),
        (1000, '0::/job/step\n', V2, 1000),
        (20000, '5:devices:/\n4:memory:/box\n0::/\n', V1, 8500),
        # a group that cannot be seen from here
        (7000, '0::/elsewhere\n', V2, 7000),
        (7000, '0::/../../up\n', V2, 7000),
    ],
)
def test_free_memory(machine, free, groups, files, wanted):
    machine(free, groups, files)
    assert memory.free_memory() == wanted


def test_this_machine_has_memory():
    assert memory.free_memory() > 2**20


@pytest.mark.parametrize(
    ('free', 'each', 'number'),
    [(100 * GB, GB, 8), (7 * GB, 2 * GB, 2), (GB, 2 * GB, 1), (0, 0, 1)],
)
def test_processes_that_there_is_memory_for(monkeypatch, capsys, free, each, number):
    monkeypatch.setattr(memory, 'free_memory', lambda: free)
    assert memory.affordable_processes(8, each, 'labels') == number
    said = capsys.readouterr().out
    assert bool(said) == (number < 8)
    if said:
        assert f'labels: {number} of 8 processes' in said
        assert f'{free / 1e9:.1f} GB are free' in said


def test_one_process_that_may_not_fit_is_reported(monkeypatch, capsys):
    monkeypatch.setattr(memory, 'free_memory', lambda: GB)
    assert memory.affordable_processes(1, 2 * GB, 'labels') == 1
    assert '1 of 1 processes' in capsys.readouterr().out
