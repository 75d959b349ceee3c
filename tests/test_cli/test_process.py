import ctypes
import os
import subprocess
import sys

import pytest
from tiny_runs import ROOT

from qaclims_mm.cli import _process
from qaclims_mm.cli._process import tune_process

VARIABLES = (
    'OMP_WAIT_POLICY',
    'OMP_THREAD_LIMIT',
    'MALLOC_MMAP_THRESHOLD_',
    'MALLOC_TRIM_THRESHOLD_',
    'MALLOC_ARENA_MAX',
)


@pytest.fixture
def calls(monkeypatch):
    """What the C library was asked for, instead of asking it; no variable is set."""
    found = []
    library = type('Library', (), {'mallopt': staticmethod(lambda *given: found.append(given))})
    monkeypatch.setattr(ctypes, 'CDLL', lambda name: library)
    for variable in VARIABLES:
        # so that it is taken away again
        monkeypatch.setenv(variable, '')
        monkeypatch.delenv(variable)
    return found


def test_this_process_and_its_children_are_tuned(calls):
    tune_process()
    assert os.environ['OMP_WAIT_POLICY'] == 'PASSIVE'
    assert os.environ['MALLOC_MMAP_THRESHOLD_'] == '33554432'
    assert calls == [(-3, 33554432), (-1, 2147483647)]


def test_a_server_gives_memory_back(calls):
    tune_process('demo')
    assert calls == [(-3, 1048576), (-1, 16777216), (-8, 2)]
    assert os.environ['MALLOC_ARENA_MAX'] == '2'


def test_threads_of_a_container_with_a_quota(calls, groups, monkeypatch):
    monkeypatch.setattr(os, 'sched_getaffinity', lambda pid: range(64))
    groups('0::/\n', {})
    tune_process()
    assert 'OMP_THREAD_LIMIT' not in os.environ
    groups('0::/\n', {'cpu.max': '250000 100000'})
    tune_process()
    assert os.environ['OMP_THREAD_LIMIT'] == '2'


def test_the_environment_comes_first(calls, monkeypatch):
    for variable in VARIABLES:
        monkeypatch.setenv(variable, '7')
    tune_process()
    tune_process('demo')
    assert [os.environ[v] for v in VARIABLES] == ['7', '7', '7', '7', '7']
    assert calls == []


def test_without_the_call_only_variables_are_set(calls, monkeypatch):
    monkeypatch.setattr(ctypes, 'CDLL', lambda name: object())
    tune_process()
    assert calls == []
    assert set(_process.MEMORY) <= set(os.environ)


def test_it_is_done_before_torch_is_imported():
    code = (
        'import os, sys, qaclims_mm.cli._process as p; p.tune_process(); print(sorted(sys.modules))'
    )
    done = subprocess.run(
        [sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "'torch'" not in done.stdout
