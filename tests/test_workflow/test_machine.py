import os

import pytest

from qaclims_mm.workflow import machine
from qaclims_mm.workflow.machine import cores, free_gpus, visible_gpus


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


def test_cores():
    assert 1 <= cores() <= os.cpu_count()
