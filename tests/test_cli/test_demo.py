import os
import re
import socket
import subprocess
import sys

import psutil
import pytest
from tool_runs import ROOT, run_tool

httpx = pytest.importorskip('httpx')
pytest.importorskip('gradio')


def free_port():
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        return taken.getsockname()[1]


@pytest.mark.slow
def test_the_page_is_served_to_this_machine_alone(tmp_path):
    port = free_port()
    tool = subprocess.Popen(
        [sys.executable, ROOT / 'tools/demo.py', '--port', str(port), '--device', 'cpu'],
        cwd=ROOT,
        env=os.environ | dict(HF_HUB_OFFLINE='1', GRADIO_TEMP_DIR=str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        lines = []
        for line in tool.stdout:
            lines.append(line)
            if re.search(rf'8 classes; http://127\.0\.0\.1:{port}', line):
                break
        else:
            raise AssertionError(''.join(lines))
        answer = httpx.get(f'http://127.0.0.1:{port}', timeout=60)
        assert answer.status_code == 200
        assert 'Draw a picture' in answer.text
        listening = {
            c.laddr.ip for c in psutil.Process(tool.pid).net_connections() if c.status == 'LISTEN'
        }
        assert listening == {'127.0.0.1'}
    finally:
        tool.terminate()
        tool.wait(30)


def test_a_config_needs_its_weights(capsys):
    config = 'configs/miniworld/cam_r18-mini_1xb16-3e_miniworld-112x112.py'
    ended = run_tool('demo', config, capsys=capsys)
    assert ended.status == 2
    assert 'a config needs the checkpoint of its network too' in ended.text


def test_a_port_in_use(capsys):
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = run_tool('demo', '--port', port, '--device', 'cpu', capsys=capsys)
    assert ended.status == 2
    assert f'port {port} of 127.0.0.1 is taken; choose another one (--port)' in ended.text
