import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from qaclims_mm.workflow.signals import end_family, exit_when_told

# a parent and its child; both ignore that they are asked to end, if told so
STUBBORN = """
import signal, subprocess, sys, time
if {stubborn}:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, '-c', 'import signal, time\\n'
    'if {stubborn}: signal.signal(signal.SIGTERM, signal.SIG_IGN)\\nprint(1)\\ntime.sleep(60)'])
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize('stubborn', [False, True])
def test_a_family_ends(stubborn, monkeypatch):
    monkeypatch.setattr('qaclims_mm.workflow.signals.PATIENCE', 0.5)
    command = [sys.executable, '-c', STUBBORN.format(stubborn=stubborn)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        child = int(process.stdout.readline())
        time.sleep(0.3)
        end_family(process.pid)
        assert process.wait(10) == -(signal.SIGKILL if stubborn else signal.SIGTERM)
    deadline = time.monotonic() + 10
    while psutil.pid_exists(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == 'zombie'


def test_a_process_that_has_gone_is_no_error():
    process = subprocess.Popen([sys.executable, '-c', ''])
    process.wait()
    end_family(process.pid)


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGHUP])
def test_signals_clean_up(number):
    # below nohup the tests ignore SIGHUP
    outside = signal.signal(number, signal.SIG_DFL)
    before = signal.getsignal(number)

    def told():
        with exit_when_told():
            os.kill(os.getpid(), number)
            time.sleep(5)

    with pytest.raises(SystemExit) as end:
        told()
    assert end.value.code == 128 + number
    assert signal.getsignal(number) == before
    signal.signal(number, outside)


def test_what_is_ignored_stays_so():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with exit_when_told():
            os.kill(os.getpid(), signal.SIGHUP)
            time.sleep(0.1)
    finally:
        signal.signal(signal.SIGHUP, before)
