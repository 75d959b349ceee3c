import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from pool_work import die_of_five, square
from tiny_runs import ROOT

from qaclims_mm.engine import process_pool
from qaclims_mm.engine.process_pool import run_in_processes, worthwhile_processes
from qaclims_mm.errors import RecordError, StageError


@pytest.mark.parametrize('jobs', [1, 2])
def test_every_item_once_on_one_thread_each(jobs):
    threads = torch.get_num_threads()
    results = list(run_in_processes(square, range(20), jobs))
    assert sorted(r for r, _, _ in results) == [n * n for n in range(20)]
    assert {n for _, _, n in results} == {1}
    assert (os.getpid() in {pid for _, pid, _ in results}) == (jobs == 1)
    assert torch.get_num_threads() == threads


def test_nothing_starts_no_process():
    assert list(run_in_processes(square, [], 4)) == []
    # one item needs no other process
    [(_, pid, _)] = run_in_processes(square, [3], 4)
    assert pid == os.getpid()


@pytest.mark.parametrize('jobs', [1, 2])
def test_an_error_of_an_item_comes_out(jobs):
    with pytest.raises(RecordError, match='-1 is negative'):
        list(run_in_processes(square, [1, 2, -1, *range(100)], jobs))


def test_a_killed_process_ends_the_run_with_one_sentence():
    with pytest.raises(StageError, match=r'one of 2 processes was killed, .* fewer --jobs'):
        list(run_in_processes(die_of_five, range(20), 2))


@pytest.mark.skipif(not Path('/proc/self/stat').exists(), reason='needs /proc')
def test_processes_end_with_the_one_that_started_them(tmp_path):
    code = (
        'from pathlib import Path\n'
        'from pool_work import wait_long\n'
        'from qaclims_mm.engine.process_pool import run_in_processes\n'
        f'list(run_in_processes(wait_long, [Path({str(tmp_path)!r})] * 2, 2))\n'
    )
    path = os.pathsep.join(str(ROOT / p) for p in ('', 'tests'))
    parent = subprocess.Popen([sys.executable, '-c', code], env=os.environ | dict(PYTHONPATH=path))
    try:
        begun = wait_until(lambda: len(list(tmp_path.iterdir())) == 2)
    finally:
        parent.kill()
        parent.wait()
    assert begun
    assert wait_until(lambda: not any(is_alive(p.name) for p in tmp_path.iterdir()))


def wait_until(happens, seconds=60):
    end = time.monotonic() + seconds
    while not happens() and time.monotonic() < end:
        time.sleep(0.05)
    return happens()


def is_alive(pid):
    try:
        state = Path(f'/proc/{pid}/stat').read_text('utf-8').rpartition(')')[2].split()[0]
    except FileNotFoundError:
        return False
    # a zombie has ended
    return state != 'Z'


def test_few_items_start_no_process(monkeypatch):
    monkeypatch.setattr(process_pool, 'number_of_cores', lambda: 3)
    found = {items: worthwhile_processes(items) for items in (0, 1, 99, 100, 250, 10_000)}
    assert found == {0: 1, 1: 1, 99: 1, 100: 2, 250: 3, 10_000: 3}


def test_modules_of_the_current_folder_are_not_taken(tmp_path):
    """Where the command is run may lie another version of the package, or anything else."""
    for name in ('qaclims_mm', 'torch'):
        (tmp_path / name).mkdir()
        (tmp_path / name / '__init__.py').write_text(f"open('imported_{name}', 'w')\n")
    script = tmp_path / 'bin/script.py'
    script.parent.mkdir()
    script.write_text(
        'from pool_work import square\n'
        'from qaclims_mm.engine.process_pool import run_in_processes\n'
        "if __name__ == '__main__':\n"
        "    found = run_in_processes(square, [1, 2], 2, ['qaclims_mm.errors'])\n"
        '    print(sorted(n for n, _, _ in found))\n'
    )
    path = os.pathsep.join(str(ROOT / p) for p in ('', 'tests'))
    done = subprocess.run(
        [sys.executable, script],
        env=os.environ | dict(PYTHONPATH=path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == '[1, 4]\n', done.stderr
    assert not list(tmp_path.glob('imported_*'))


def test_the_environment_is_as_before(monkeypatch):
    monkeypatch.setenv('PYTHONPATH', 'somewhere')
    monkeypatch.delenv('PYTHONSAFEPATH', raising=False)
    assert len(list(run_in_processes(square, [1, 2], 2))) == 2
    assert os.environ['PYTHONPATH'] == 'somewhere'
    assert 'PYTHONSAFEPATH' not in os.environ
