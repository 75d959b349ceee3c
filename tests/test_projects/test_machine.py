import itertools
from functools import partial

import pytest
import torch

from qaclims_mm.projects import machine

CPU = torch.device('cpu')


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_rates_of_this_machine(monkeypatch, dtype):
    monkeypatch.setattr(machine, '_MATRIX', dict(cpu=64))
    assert machine.matmul_rate(CPU, dtype) > 0


def test_the_rate_of_a_quiet_machine_counts_processor_time(monkeypatch):
    """Seconds of two threads pass in half the time, however long the clock runs."""
    monkeypatch.setattr(machine, '_MATRIX', dict(cpu=16))
    monkeypatch.setattr(machine.torch, 'get_num_threads', lambda: 2)
    clock = itertools.cycle([0, 4, 4, 7, 7, 12, 12, 14, 14, 20])
    monkeypatch.setattr(machine.time, 'process_time', partial(next, clock))
    monkeypatch.setattr(machine.time, 'perf_counter', None)
    assert machine.quiet_rate(CPU) == 2 * 16**3 / 2 * 2


def test_the_rate_of_a_gpu_is_that_of_the_clock(monkeypatch):
    monkeypatch.setattr(machine, 'matmul_rate', lambda device: 5e12)
    assert machine.quiet_rate(torch.device('cuda')) == 5e12


def test_rates_are_of_the_best_call(monkeypatch):
    monkeypatch.setattr(machine, '_MATRIX', dict(cpu=16))
    # seconds at the begin and the end of five calls, the fourth of which takes the least
    clock = itertools.cycle([0, 4, 4, 7, 7, 12, 12, 14, 14, 20])
    monkeypatch.setattr(machine.time, 'perf_counter', partial(next, clock))
    assert machine.matmul_rate(CPU) == 2 * 16**3 / 2
