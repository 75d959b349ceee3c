"""Running a tool as users do, or in this process, which spares the imports."""

import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple
from unittest import mock

ROOT = Path(__file__).resolve().parents[1]


class Outcome(NamedTuple):
    """Exit status, and what was printed; a message that ends a tool is printed and gives 1."""

    status: int
    text: str


def run_tool(name, *args, capsys):
    """Run a sub-command by its module's name in this process, imported anew as users do."""
    argv = [name, *map(str, args)]
    for module in [m for m in sys.modules if m.startswith('qaclims_mm.cli.')]:
        del sys.modules[module]
    with mock.patch.object(sys, 'argv', argv), mock.patch.dict(os.environ, COLUMNS='1000'):
        try:
            own = 'benchmarks/__main__.py' if name == 'benchmarks' else f'tools/{name}.py'
            runpy.run_path(str(ROOT / own), run_name='__main__')
            code = 0
        except SystemExit as end:
            code = end.code or 0
    text = ''.join(capsys.readouterr())
    return Outcome(1, text + code) if isinstance(code, str) else Outcome(code, text)


def start_tool(name, *args, cwd):
    """Run ``tools/<name>.py`` in a process of its own, offline."""
    done = subprocess.run(
        [sys.executable, str(ROOT / f'tools/{name}.py'), *map(str, args)],
        cwd=cwd,
        env=os.environ | dict(HF_HUB_OFFLINE='1', COLUMNS='1000', OMP_NUM_THREADS='1'),
        capture_output=True,
        text=True,
        check=False,
    )
    return Outcome(done.returncode, done.stdout + done.stderr)
