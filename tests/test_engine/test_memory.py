import pytest

from qaclims_mm.engine import memory

GB = 10**9


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
