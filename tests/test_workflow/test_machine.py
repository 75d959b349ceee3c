import platform
from pathlib import Path

import pytest
import torch

from qaclims_mm.workflow import machine
from qaclims_mm.workflow.machine import describe_machine, free_gpus, visible_gpus


@pytest.fixture(autouse=True)
def _locks(tmp_path, monkeypatch):
    monkeypatch.setattr(machine.tempfile, 'gettempdir', lambda: str(tmp_path))


@pytest.mark.parametrize(
    ('value', 'found'), [('0,3', ['0', '3']), ('', []), ('-1', []), ('GPU-8f/2', ['GPU-8f/2'])]
)
def test_gpus_that_are_visible(monkeypatch, value, found):
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', value)
    assert visible_gpus() == found


def test_each_job_gets_a_gpu_that_is_free(monkeypatch):
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '4,5,6')
    with free_gpus(1) as first, free_gpus(2) as second:
        assert (first, second) == (['4'], ['5', '6'])
        # more than there are: shared
        with free_gpus(1, patience=0) as third:
            assert third == ['4']
    with free_gpus(9) as names:
        assert names == ['4', '5', '6']
    with free_gpus(0) as names:
        assert names == []


def test_without_gpus(monkeypatch):
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
    with free_gpus(2) as names:
        assert names == []


INFO = """processor : 0
model name	: Fast CPU 9000
processor : 1
model name	: Fast CPU 9000
"""


@pytest.fixture
def files(tmp_path, monkeypatch):
    """The files in which Linux tells what it runs on."""
    cpu, gpus = tmp_path / 'cpuinfo', tmp_path / 'gpus'
    (gpus / '0000:01').mkdir(parents=True)
    (gpus / '0000:01/information').write_text('Model: \t\t NVIDIA H200\nIRQ: 5\n')
    cpu.write_text(INFO)
    known = {'/proc/cpuinfo': cpu, '/proc/driver/nvidia/gpus': gpus}
    monkeypatch.setattr(machine, 'Path', lambda p: Path(known.get(str(p), p)))
    monkeypatch.setattr(machine, 'number_of_cores', lambda: 2)
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    return cpu, gpus


@pytest.mark.parametrize(
    ('gpus', 'start'),
    [
        (0, 'Fast CPU 9000, 2 cores, 1 thread, torch '),
        (2, 'Fast CPU 9000, 2 cores, 1 thread, 2 x NVIDIA H200, torch '),
    ],
)
def test_what_a_stage_runs_on(files, gpus, start):
    assert describe_machine(gpus) == f'{start}{torch.__version__.split("+")[0]}'


def test_a_system_that_tells_nothing(files, monkeypatch):
    cpu, gpus = files
    cpu.unlink()
    (gpus / '0000:01/information').unlink()
    monkeypatch.delenv('OMP_NUM_THREADS')
    text = describe_machine(1)
    assert text.startswith(f'{platform.machine()}, 2 cores, 2 threads, 1 x GPU, torch ')
