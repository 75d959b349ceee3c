import math
import os
import platform

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from benchmarks import machine
from benchmarks.machine import Spent, call_alone, count_flops, measure, measure_alone
from qaclims_mm.schemas.names import counted
from qaclims_mm.vlms.vqa.cpu_linear import PackedLinear, can_pack

CPU = torch.device('cpu')
MB = 10**6
on_linux = pytest.mark.skipif(platform.system() != 'Linux', reason='memory is read from /proc')


def test_flops_of_a_matrix_product():
    a, b = torch.ones(3, 5), torch.ones(5, 7)
    assert count_flops(lambda: a @ b) == 2 * 3 * 5 * 7
    assert count_flops(lambda: None) == 0


def test_flops_of_a_convolution():
    images, kernel = torch.ones(2, 3, 8, 9), torch.ones(4, 3, 3, 3)
    cells = 8 * 9
    assert count_flops(lambda: F.conv2d(images, kernel, padding=1)) == 2 * 2 * 4 * cells * 3 * 3 * 3


def test_flops_of_a_backward_pass():
    weight = torch.ones(5, 7, requires_grad=True)
    # nothing asks for the input's gradient
    assert count_flops(lambda: (torch.ones(3, 5) @ weight).sum().backward()) == 2 * 2 * 3 * 5 * 7


def test_flops_of_attention():
    batch, heads, tokens, width = 2, 3, 10, 8
    q, k, v = torch.ones(3, batch, heads, tokens, width)
    wanted = 2 * (2 * batch * heads * tokens * tokens * width)
    assert count_flops(lambda: F.scaled_dot_product_attention(q, k, v)) == wanted


@pytest.mark.skipif(not can_pack(), reason='no layer is packed on this processor')
@pytest.mark.parametrize('shape', [(3, 5), (2, 3, 5)])
def test_flops_of_a_packed_layer(shape):
    layer = PackedLinear(torch.nn.Linear(5, 7).requires_grad_(False))
    assert count_flops(lambda: layer(torch.ones(shape))) == 2 * math.prod(shape) * 7


@pytest.mark.parametrize(('packed', 'faster'), [(1.0, True), (100.0, False)])
def test_rate_of_the_faster_library(monkeypatch, packed, faster):
    monkeypatch.setattr(machine, 'can_pack', lambda: True)
    monkeypatch.setattr(machine, '_PACKED', 16)
    monkeypatch.setattr(machine, 'matmul_rate', lambda device, dtype: 100.0)
    monkeypatch.setattr(machine, 'best_seconds', lambda call, device: call() is None or packed)
    rate = machine.product_rate(CPU, torch.float32)
    assert rate == (2 * 16**3 if faster else 100.0)
    # nothing is packed in other types, or where a processor gains nothing
    assert machine.product_rate(CPU, torch.bfloat16) == 100.0
    monkeypatch.setattr(machine, 'can_pack', lambda: False)
    assert machine.product_rate(CPU, torch.float32) == 100.0


def test_a_call_is_timed_and_its_result_returned():
    spent, result = measure(lambda: 'made', CPU)
    assert result == 'made'
    assert spent.seconds > 0
    assert spent.peak >= 0
    assert spent.held == 0


@on_linux
def test_peak_is_what_comes_on_top():
    before = np.ones(100 * MB, np.uint8)
    for size in (64, 16):
        # a kernel that is short of memory takes cold pages meanwhile, which lowers many a peak
        calls = [measure(lambda n=size: np.ones(n * MB, np.uint8).sum(), CPU) for _ in range(12)]
        assert (size - 1) * MB <= max(spent.peak for spent, _ in calls) < (size + 16) * MB
    assert before.all()


def test_no_memory_is_read_elsewhere(monkeypatch):
    monkeypatch.setattr(platform, 'system', lambda: 'Darwin')
    spent, _ = measure(lambda: np.ones(MB), CPU)
    assert spent.peak == 0
    assert machine._held() == 0


def test_a_call_alone_leaves_nothing_here():
    left = []

    def call():
        left.append(1)
        return os.getpid(), len(left)

    first, second = call_alone(call), call_alone(call)
    assert left == []
    assert (first[1], second[1]) == (1, 1)
    assert len({first[0], second[0], os.getpid()}) == 3


def test_a_call_that_fails_alone_says_where_the_reason_is(capfd):
    with pytest.raises(RuntimeError, match=r'^a call in a copy of this process failed; see above'):
        call_alone(lambda: 1 // 0)
    assert 'ZeroDivisionError' in capfd.readouterr().err


@on_linux
def test_held_is_what_stays_and_no_file(tmp_path):
    path = tmp_path / 'mapped'
    np.ones(32 * MB, np.uint8).tofile(path)
    kept = []

    def call():
        np.ones(128 * MB, np.uint8).sum()
        kept.append(np.ones(64 * MB, np.uint8))
        kept.append(np.memmap(path, mode='r'))
        return int(kept[-1].sum())

    spent, total = measure_alone(call)
    assert total == 32 * MB
    assert 63 * MB <= spent.held < 80 * MB
    # the first array is freed before the others come; a large process has some more pages
    assert 127 * MB <= spent.peak < 190 * MB
    assert kept == []


def test_processor_has_a_name():
    name, threads = machine.describe(CPU).rsplit(', ', 1)
    assert name
    assert threads == counted(torch.get_num_threads(), 'thread')


@pytest.mark.gpu
def test_peak_of_a_gpu():
    device = torch.device('cuda')
    before = torch.ones(16 * MB, device=device)
    spent, _ = measure(lambda: torch.ones(16 * MB, device=device).sum(), device)
    assert 64 * MB <= spent.peak < 68 * MB
    assert before.all()
    assert machine.describe(device) == torch.cuda.get_device_name()
    assert machine.copy_rate(device) > 1e10


def test_spent_without_held():
    assert Spent(1.0, 2) == (1.0, 2, 0)
