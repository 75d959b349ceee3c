import os
import subprocess
import sys

import pytest

from qaclims_mm.workflow.locks import hold

ASK = """
import sys
from pathlib import Path
from qaclims_mm.errors import StageError
from qaclims_mm.workflow.locks import hold
try:
    with hold(Path(sys.argv[1]), 'the work dir'):
        print('taken')
except StageError as error:
    print(error)
"""


def ask(path):
    """Return what another process finds."""
    command = [sys.executable, '-c', ASK, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_a_lock_says_who_holds_it_and_is_free_behind(tmp_path):
    path = tmp_path / 'logs/run.lock'
    with hold(path, 'it'):
        said = ask(path)
        assert said.startswith(f'the work dir is in use by process {os.getpid()} on ')
        assert said.endswith('wait until it ends, or end it.')
    assert ask(path) == 'taken'
    with pytest.raises(KeyError), hold(path, 'it'):
        raise KeyError
    assert ask(path) == 'taken'
