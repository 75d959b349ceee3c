import io
import subprocess
import sys

import pytest
from rich.console import Console

from qaclims_mm import progress


@pytest.mark.parametrize('terminal', [True, False])
def test_bar_on_a_terminal_only(monkeypatch, terminal):
    file = io.StringIO()
    monkeypatch.setattr(
        progress, 'Console', lambda stderr: Console(file=file, force_terminal=terminal, width=80)
    )
    assert list(progress.track(iter('abc'), 'counting', 3)) == ['a', 'b', 'c']
    assert ('counting' in file.getvalue()) is terminal


def test_bars_keep_off_standard_output():
    code = 'from qaclims_mm.progress import track\nprint(sum(track(range(4), "x", 4)))'
    run = subprocess.run(
        [sys.executable, '-c', code],
        capture_output=True,
        text=True,
        check=True,
        env={'TTY_COMPATIBLE': '1', 'FORCE_COLOR': '1', 'PATH': ''},
    )
    assert run.stdout == '6\n'
    assert 'x' in run.stderr
