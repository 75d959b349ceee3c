import os
import subprocess
import sys
import time

import pytest

from qaclims_mm.workflow import forked
from qaclims_mm.workflow.forked import ForkedTool

pytestmark = pytest.mark.skipif(not forked.can_fork(), reason='tools run in processes of their own')


@pytest.fixture
def run(tmp_path):
    def go(code, *arguments):
        (tmp_path / 'tool.py').write_text(code)
        with (tmp_path / 'out').open('w') as out, (tmp_path / 'err').open('w') as err:
            return ForkedTool(str(tmp_path / 'tool.py'), arguments, out, err)

    return go


@pytest.mark.parametrize(
    ('end', 'status', 'said'),
    [
        ('', 0, ''),
        ('raise SystemExit(3)', 3, ''),
        ("raise SystemExit('error: x')", 1, 'error: x\n'),
        ("raise ValueError('x')", 1, 'ValueError: x\n'),
        ('import os; os.kill(os.getpid(), 9)', -9, ''),
    ],
)
def test_output_and_status(run, tmp_path, end, status, said):
    code = 'import sys, torch\nprint(__name__, sys.argv[1:], flush=True)\n'
    assert run(code + end, 'a', 'b').wait() == status
    assert (tmp_path / 'out').read_text() == "__main__ ['a', 'b']\n"
    assert (tmp_path / 'err').read_text().endswith(said)


def test_nothing_of_a_tool_comes_back(run):
    code = 'import os, sys\nos.environ["OF_A_TOOL"] = "1"\nsys.path.append("x")\n'
    assert run(code).wait() == 0
    assert 'OF_A_TOOL' not in os.environ
    assert 'x' not in sys.path


def test_waiting(run):
    tool = run('import time\ntime.sleep(60)')
    begin = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        tool.wait(0.1)
    os.kill(tool.pid, 9)
    assert tool.wait() == -9
    assert time.monotonic() - begin < 20


@pytest.mark.parametrize(
    ('platform', 'device', 'possible'),
    [
        ('linux', '/dev/null', True),
        ('linux', '/dev/nvidiactl', False),
        ('linux', '/dev/kfd', False),
        ('linux', '/dev/dxg', False),
        ('darwin', '/dev/null', False),
    ],
)
def test_where_tools_may_be_copies(monkeypatch, platform, device, possible):
    monkeypatch.setattr(forked.sys, 'platform', platform)
    monkeypatch.setattr(forked.Path, 'exists', lambda path: str(path) == device)
    assert forked.can_fork() == possible
