import os
import re
import socket
import subprocess
import sys

import psutil
import pytest
from tiny_models import SEGMENTOR, make_stage
from tool_runs import ROOT, run_tool

from qaclims_mm.cli import demo

httpx = pytest.importorskip('httpx')
pytest.importorskip('gradio')
QAPE = 'qape_blip-mini_fg6-bg10_miniworld-112x112'


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
        assert 'examples from MiniWorld' in answer.text
        listening = {
            c.laddr.ip for c in psutil.Process(tool.pid).net_connections() if c.status == 'LISTEN'
        }
        assert listening == {'127.0.0.1'}
    finally:
        tool.terminate()
        tool.wait(30)


class Stopped(Exception):
    """What stands for the networks was asked for."""


@pytest.fixture
def networks(monkeypatch):
    """Gather the networks of which a page is made; no page is served."""
    from qaclims_mm.demo import model

    found = []

    def stop(*args):
        found.append(args)
        raise Stopped

    monkeypatch.setattr(model, 'Explainer', stop)
    return found


def start(monkeypatch, *args):
    monkeypatch.setattr(sys, 'argv', ['demo', '--port', str(free_port()), *map(str, args)])
    with pytest.raises(Stopped):
        demo.main()


def test_the_models_of_predict(networks, monkeypatch, tmp_path, capsys):
    make_stage(tmp_path / 'segment')
    start(monkeypatch, tmp_path)
    [(found, weights, device, max_side)] = networks
    assert found.segmentor.file == tmp_path / 'segment/epoch_3.pth'
    assert (found.config, weights, device, max_side) == (None, None, None, None)
    assert capsys.readouterr().out.startswith('DeepLabV2 (segmentor) of ')


def test_networks_by_their_configs(networks, monkeypatch):
    start(monkeypatch, '--config', 'clip-cam_clip-mini_miniworld-112x112', '--qape', QAPE)
    start(monkeypatch, '--qape', 'none', '--refiner', 'par_qa-clims_miniworld-112x112')
    start(monkeypatch, 'miniworld://segment/r18-mini.safetensors', '--config', SEGMENTOR)
    first, second, third = (found[0] for found in networks)
    assert (first.weights, first.qape.model.type) == (None, 'VQACorpusBuilder')
    assert (second.qape, second.refiner.model.type) == (None, 'PARRefiner')
    assert third.segmentor.config.model.type == 'DeepLabV2'


def test_what_is_no_model(capsys, tmp_path):
    ended = run_tool('demo', tmp_path / 'nothing', '--port', free_port(), capsys=capsys)
    assert ended.status != 0
    assert 'there is no checkpoint' in ended.text


def test_a_port_in_use(capsys):
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = run_tool('demo', '--port', port, '--device', 'cpu', capsys=capsys)
    assert ended.status == 2
    assert f'port {port} of 127.0.0.1 is taken; choose another one (--port)' in ended.text
