import os
import subprocess
import sys
from collections import namedtuple

import pytest
from mmengine.config import Config
from tiny_runs import ROOT

from qaclims_mm.engine import shared_memory
from qaclims_mm.engine.shared_memory import PATIENCE, guard_workers
from qaclims_mm.errors import StageError

Usage = namedtuple('Usage', 'total used free')


def config(workers, **more):
    return Config(dict(train_dataloader=dict(num_workers=workers, **more), val_dataloader=None))


def has_free(monkeypatch, megabytes):
    usage = Usage(0, 0, megabytes * 10**6)
    monkeypatch.setattr(shared_memory.shutil, 'disk_usage', lambda place: usage)


def test_workers_are_not_waited_for_without_end(monkeypatch):
    has_free(monkeypatch, 64)
    cfg = config(2)
    guard_workers(cfg)
    assert cfg.train_dataloader.timeout == PATIENCE
    cfg = config(2, timeout=7)
    guard_workers(cfg)
    assert cfg.train_dataloader.timeout == 7


def test_without_workers_nothing_is_needed(monkeypatch):
    has_free(monkeypatch, 0)
    cfg = config(0)
    guard_workers(cfg)
    assert 'timeout' not in cfg.train_dataloader


def test_memory_that_is_full(monkeypatch):
    has_free(monkeypatch, 9)
    with pytest.raises(StageError) as raised:
        guard_workers(config(2))
    assert str(raised.value) == (
        'batches of train_dataloader pass through /dev/shm, which has 9 MB free; '
        '2 workers need 17 MB at least. Free it, make it larger (docker run --shm-size 8g), or run '
        'without workers: --cfg-options train_dataloader.num_workers=0 '
        'train_dataloader.persistent_workers=False'
    )


def test_a_system_without_the_folder(monkeypatch, tmp_path):
    monkeypatch.setattr(shared_memory, 'PLACE', tmp_path / 'absent')
    guard_workers(config(2))


FULL = """
import sys, torch
from qaclims_mm.cli._execute import run_tool
class Large(torch.utils.data.Dataset):
    def __len__(self): return 8
    def __getitem__(self, index): return torch.zeros(1_000_000)
def main():
    for _ in torch.utils.data.DataLoader(Large(), num_workers=2, timeout=20): pass
run_tool(main)
"""


def can_mount():
    words = ['unshare', '-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/dev/shm']
    try:
        return subprocess.run(words, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not can_mount(), reason='this user may not mount a small /dev/shm')
def test_a_full_memory_ends_in_one_line(tmp_path):
    (tmp_path / 'full.py').write_text(FULL)
    command = (
        f'mount -t tmpfs -o size=2M tmpfs /dev/shm && exec {sys.executable} {tmp_path}/full.py'
    )
    done = subprocess.run(
        ['unshare', '-m', 'sh', '-c', command],
        env=os.environ | dict(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    [last] = [line for line in done.stderr.splitlines() if line.startswith('error: ')]
    assert 'the shared memory (/dev/shm) is full' in last
    assert 'num_workers=0' in last
