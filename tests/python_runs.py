"""Code in a process of its own, where nothing is imported yet."""

import json
import os
import subprocess
import sys

from tiny_runs import ROOT

from qaclims_mm.engine.stand_ins import RANK_VARIABLES

# a rank is told from other processes by these
ALONE = {k: v for k, v in os.environ.items() if k not in RANK_VARIABLES}


def python(code, *arguments, **variables):
    """Run code in a process of its own; returns what it prints in JSON."""
    done = subprocess.run(
        [sys.executable, '-c', code, *map(str, arguments)],
        env=ALONE | dict(PYTHONPATH=str(ROOT), OMP_NUM_THREADS='1') | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
