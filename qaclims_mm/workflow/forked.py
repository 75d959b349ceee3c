"""Tools run in copies of one process, which spares each the seconds of its imports."""

import os
import runpy
import signal
import subprocess
import sys
import warnings
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import IO

# of NVIDIA, of AMD, and of Windows's Linux
GPU_DEVICES = ('/dev/nvidiactl', '/dev/kfd', '/dev/dxg')


def can_fork() -> bool:
    """Tell whether tools may run in copies: on Linux, and without a GPU, which no copy could use.

    Where there is a GPU, its trainings take hours anyway.
    """
    return sys.platform == 'linux' and not any(Path(p).exists() for p in GPU_DEVICES)


class ForkedTool:
    """A tool in a copy of this process; waits as ``subprocess.Popen`` does.

    Args:
        script: The tool.
        arguments: Of its command line.
        output: File of its standard output.
        errors: File of its standard error; ``None`` leaves it where it is.
        environment: Environment variables that it gets beside those of this process.
    """

    def __init__(
        self,
        script: str,
        arguments: Sequence[str],
        output: IO,
        errors: IO | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        # what every stage needs is imported once, here
        import qaclims_mm.plugin  # noqa: F401

        for stream in (sys.stdout, sys.stderr):
            # or the copy would print it once more
            stream.flush()
        files = (output.fileno(), errors.fileno() if errors else None)
        given = (script, arguments, *files, dict(environment or {}))
        self._process = get_context('fork').Process(target=_run, args=given)
        self._process.start()
        self.pid = int(self._process.pid or 0)

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status.

        Raises:
            subprocess.TimeoutExpired: If it is still running.
        """
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return self._process.exitcode


def _run(
    script: str,
    arguments: Sequence[str],
    output: int,
    errors: int | None,
    environment: Mapping[str, str],
) -> None:
    os.environ.update(environment)
    os.dup2(output, 1)
    sys.stdout = os.fdopen(1, 'w', buffering=1, closefd=False)
    if errors is not None:
        os.dup2(errors, 2)
        sys.stderr = os.fdopen(2, 'w', buffering=1, closefd=False)
    warnings.simplefilter('ignore')
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sys.argv = [script, *arguments]
    runpy.run_path(script, run_name='__main__')
