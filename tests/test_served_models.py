"""ServedVQA asks a server of transformers, which runs a tiny chat model with random weights."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request

import numpy as np
import pytest
from tiny_vlms import make_qwen

from qaclims_mm.vlms.endpoint.client import Endpoint
from qaclims_mm.vlms.endpoint.pictures import Picture
from qaclims_mm.vlms.endpoint.settings import ServerSettings
from qaclims_mm.vlms.vqa import generation
from qaclims_mm.vlms.vqa.chat import ChatVQA
from qaclims_mm.vlms.vqa.served import ServedVQA

pytest.importorskip('accelerate', reason='transformers serve needs accelerate')
pytest.importorskip('openai')
QUESTIONS = ('What is above the dog?', 'What place is it?', 'What kind of train is in the photo?')
# JPEG keeps a grey of one value as it is
GREY = np.full((64, 64, 3), 120, np.uint8)
pytestmark = pytest.mark.slow


def free_port():
    with socket.socket() as found:
        found.bind(('127.0.0.1', 0))
        return found.getsockname()[1]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return make_qwen(tmp_path_factory.mktemp('qwen'))


@pytest.fixture(scope='module')
def url(folder, tmp_path_factory):
    port, log = free_port(), tmp_path_factory.mktemp('log') / 'serve.log'
    command = [sys.executable, '-m', 'transformers.cli.transformers', 'serve', str(folder)]
    command += ['--host', '127.0.0.1', '--port', str(port), '--device', 'cpu']
    # the server's own threads would take all cores
    env = os.environ | dict(HF_HUB_OFFLINE='1', OMP_NUM_THREADS='1')
    with log.open('w') as stream:
        server = subprocess.Popen(command, stdout=stream, stderr=stream, env=env)
    try:
        for _ in range(240):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f'http://127.0.0.1:{port}/health').close()
                break
            assert server.poll() is None, log.read_text()
            time.sleep(0.5)
        yield f'http://127.0.0.1:{port}/v1'
    finally:
        server.terminate()
        server.wait()


def test_the_model_sees_image_and_prompt_as_in_this_process(folder, url, monkeypatch):
    said = []
    monkeypatch.setattr(generation, 'parse_answer', lambda text, question: said.append(text) or '')
    served = ServedVQA(str(folder), dict(base_url=url))
    local = ChatVQA(str(folder), prompt=served.prompt)
    local.answer([GREY], [QUESTIONS])
    assert len(set(said)) == 3
    endpoint = Endpoint(str(folder), ServerSettings(url))
    endpoint.open()
    assert endpoint.models() == [str(folder)]
    for question, text in zip(QUESTIONS, said, strict=True):
        reply = endpoint.ask(Picture(GREY), served.prompt.format(question=question), 16)
        # this server repeats the prompt of such a small tokenizer
        assert reply.text.endswith(text)
        assert reply.output_tokens == 16


@pytest.mark.parametrize('structured', [False, True])
def test_answers(folder, url, structured):
    model = ServedVQA(str(folder), dict(base_url=url, concurrency=2), structured=structured)
    answers = model.answer([GREY, GREY], [QUESTIONS, QUESTIONS[:1]])
    assert [len(group) for group in answers] == [3, 1]
    assert answers[0][0] == answers[1][0]
    # random weights write no JSON, so all is asked again
    requests = 1 + 4 + structured
    assert f'requests: {requests} (failed attempts: 0)' in ' '.join(model.summary())
    model.close()
