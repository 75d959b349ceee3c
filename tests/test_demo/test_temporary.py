import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from tool_runs import ROOT

from qaclims_mm.demo.temporary import VARIABLE, stoppable, temporary_files

STOPS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(params=['given', 'new', 'none'])
def place(request, tmp_path, monkeypatch):
    """Where temporary files are wanted, if a user says so."""
    folder = tmp_path / 'mine' if request.param == 'new' else tmp_path
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    if request.param == 'none':
        monkeypatch.delenv(VARIABLE, raising=False)
    else:
        monkeypatch.setenv(VARIABLE, str(folder))
    return folder


def test_all_temporary_files_lie_in_one_private_folder(place):
    before = os.environ.get(VARIABLE), tempfile.gettempdir()
    with temporary_files() as folder:
        assert folder.parent == place
        assert folder.stat().st_mode & 0o077 == 0
        assert os.environ[VARIABLE] == str(folder) == tempfile.gettempdir()
        (folder / 'upload').mkdir()
        (folder / 'upload/a.png').write_bytes(b'x')
        with tempfile.NamedTemporaryFile() as file:
            assert Path(file.name).parent == folder
    assert list(place.iterdir()) == []
    assert (os.environ.get(VARIABLE), tempfile.gettempdir()) == before


def test_an_error_passes_and_leaves_nothing(place):
    with pytest.raises(OSError, match='full'), stoppable(), temporary_files():
        raise OSError('full')
    assert list(place.iterdir()) == []


@pytest.mark.parametrize('number', STOPS)
def test_a_signal_ends_the_block_without_an_error(number, place):
    before = signal.getsignal(number)
    with stoppable(), temporary_files() as folder:
        (folder / 'a.png').write_bytes(b'x')
        os.kill(os.getpid(), number)
        raise AssertionError('not stopped')
    assert list(place.iterdir()) == []
    assert signal.getsignal(number) is before


@pytest.mark.parametrize('number', STOPS)
def test_an_ignored_signal_stays_ignored(number):
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with stoppable():
            os.kill(os.getpid(), number)
            assert signal.getsignal(number) == signal.SIG_IGN
        assert signal.getsignal(number) == signal.SIG_IGN
    finally:
        signal.signal(number, before)


LATE = """
import sys, threading, time
from qaclims_mm.demo.temporary import stoppable, temporary_files

def late(folder):
    time.sleep(2)
    folder.joinpath('results').mkdir(parents=True)
    folder.joinpath('results/masks.zip').write_bytes(b'x')

with stoppable(), temporary_files() as folder:
    threading.Thread(target=late, args=(folder,)).start()
    print('ready', flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize('number', STOPS)
def test_what_a_thread_writes_late_is_deleted_too(number, tmp_path):
    env = os.environ | {VARIABLE: str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, '-c', LATE], cwd=ROOT, env=env, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        process.send_signal(number)
        assert process.wait(60) == 0
    assert list(tmp_path.iterdir()) == []
