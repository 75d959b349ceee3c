import signal
import subprocess
import sys

import psutil
import pytest
from tiny_runs import ROOT

from qaclims_mm.workflow.processes import (
    exit_when_terminated,
    memory_of,
    wait_for,
)

CHILD = 'import sys; print(1, flush=True); sys.stdin.read()'
SLEEPS = f'import subprocess, sys; subprocess.run([sys.executable, "-c", {CHILD!r}])'


def test_memory_of_a_family():
    code = 'import sys; held = bytearray(300_000_000); print(1, flush=True); sys.stdin.read()'
    child = f'import subprocess, sys; subprocess.run([sys.executable, "-c", {code!r}])'
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with subprocess.Popen([sys.executable, '-c', child], **pipes) as process:
        assert process.stdout.readline().strip() == b'1'
        assert 0.3 < memory_of(process.pid) < 0.5
        process.stdin.close()
    assert memory_of(process.pid) == 0


@pytest.fixture
def family():
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with subprocess.Popen([sys.executable, '-c', SLEEPS], **pipes) as process:
        assert process.stdout.readline().strip() == b'1'
        members = [psutil.Process(process.pid), *psutil.Process(process.pid).children()]
        assert len(members) == 2
        yield process, members
        process.kill()


def ended(members):
    _, alive = psutil.wait_procs(members, timeout=20)
    return not [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]


def test_a_family_ends_with_the_one_that_waits(family, monkeypatch):
    process, members = family

    def interrupted(timeout):
        raise KeyboardInterrupt

    monkeypatch.setattr(process, 'wait', interrupted)
    with pytest.raises(KeyboardInterrupt):
        wait_for(process)
    monkeypatch.undo()
    assert ended(members)


def test_descendants_of_this_process_end():
    program = (
        'import subprocess, sys\n'
        'from qaclims_mm.workflow.processes import end_family\n'
        'pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n'
        f'child = subprocess.Popen([sys.executable, "-c", {SLEEPS!r}], **pipes)\n'
        'child.stdout.readline()\n'
        'end_family()\n'
        'print(child.wait(20))\n'
    )
    done = subprocess.run(
        [sys.executable, '-c', program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == f'{-signal.SIGTERM:d}\n'


def test_status_is_returned():
    process = subprocess.Popen([sys.executable, '-c', 'raise SystemExit(3)'])
    status, gigabytes = wait_for(process)
    assert status == 3
    assert gigabytes >= 0


def test_sigterm_ends_by_an_exit():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as caught, exit_when_terminated():
        signal.raise_signal(signal.SIGTERM)
    assert caught.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is before
