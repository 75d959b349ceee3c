from types import SimpleNamespace

import pytest

from qaclims_mm import free_memory as module
from qaclims_mm.free_memory import free_memory, free_memory_of

GB = 10**9


@pytest.fixture
def machine(groups, monkeypatch):
    """Set what the machine has free and what files of control groups hold."""

    def machine(free, membership, files):
        monkeypatch.setattr('psutil.virtual_memory', lambda: SimpleNamespace(available=free))
        groups(membership, files)

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
    ('free', 'membership', 'files', 'wanted'),
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
def test_free_memory(machine, free, membership, files, wanted):
    machine(free, membership, files)
    assert free_memory() == wanted


def test_this_machine_has_memory():
    assert free_memory() > 2**20


def test_free_memory_of_a_device(monkeypatch):
    asked = []

    def answer(number):
        return lambda device: asked.append(device) or number

    monkeypatch.setattr(module, 'free_memory', lambda: 5)
    assert free_memory_of('cpu') == 5
    for name, number in dict(memory_reserved=70, memory_allocated=30).items():
        monkeypatch.setattr(f'torch.cuda.{name}', answer(number))
    monkeypatch.setattr('torch.cuda.mem_get_info', answer((100, 999)))
    # what torch keeps and nobody uses is free too
    assert free_memory_of('cuda:1') == 140
    assert asked == ['cuda:1'] * 3


@pytest.mark.parametrize(
    ('free', 'each', 'number'),
    [(100 * GB, GB, 8), (7 * GB, 2 * GB, 2), (GB, 2 * GB, 1), (0, 0, 1)],
)
def test_processes_that_there_is_memory_for(monkeypatch, capsys, free, each, number):
    monkeypatch.setattr(module, 'free_memory', lambda: free)
    assert module.affordable_processes(8, each, 'labels') == number
    said = capsys.readouterr().out
    assert bool(said) == (number < 8)
    if said:
        assert f'labels: {number} of 8 processes' in said
        assert f'{free / 1e9:.1f} GB are free' in said


def test_one_process_that_may_not_fit_is_reported(monkeypatch, capsys):
    monkeypatch.setattr(module, 'free_memory', lambda: GB)
    assert module.affordable_processes(1, 2 * GB, 'labels') == 1
    assert '1 of 1 processes' in capsys.readouterr().out


@pytest.mark.gpu
def test_free_memory_of_a_gpu():
    import torch

    before = free_memory_of('cuda')
    held = torch.empty(2**28, dtype=torch.uint8, device='cuda')
    assert before - free_memory_of('cuda') >= held.nbytes
    del held
    assert free_memory_of('cuda') >= before - 2**27
