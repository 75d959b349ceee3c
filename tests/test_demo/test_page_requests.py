"""What programs and strangers may send to the page's server."""

import io
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip('gradio')
httpx = pytest.importorskip('httpx')
from demo_page import LIMIT  # noqa: E402 - an extra

# seconds that an answer may take, of a hundred at once on a busy machine
PATIENCE = 900


def upload(url, path):
    """Upload a file; returns the answer."""
    with open(path, 'rb') as file:
        return httpx.post(f'{url}/gradio_api/upload', files=dict(files=file), timeout=60)


def call(url, name, *data, session='test'):
    """Call an event of the page as a program does; returns its event and its data."""
    body = dict(data=list(data), session_hash=session)
    started = httpx.post(f'{url}/gradio_api/call/{name}', json=body, timeout=60)
    assert started.status_code == 200, started.text
    event = started.json()['event_id']
    kind, said, deadline = '', None, time.monotonic() + PATIENCE
    # to its end: a session whose stream is left early loses what it asks next
    with httpx.stream('GET', f'{url}/gradio_api/call/{name}/{event}', timeout=120) as lines:
        for line in lines.iter_lines():
            assert time.monotonic() < deadline, f'{name} has no answer after {PATIENCE} s'
            if line.startswith('event:'):
                kind = line.removeprefix('event:').strip()
            elif line.startswith('data:') and kind in ('complete', 'error'):
                said = kind, json.loads(line.removeprefix('data:'))
    assert said, kind
    return said


def as_file(path):
    return dict(path=str(path), meta=dict(_type='gradio.FileData'))


def test_a_file_of_50_megabytes(url, tmp_path):
    path = tmp_path / 'large.bmp'
    Image.fromarray(np.full((4200, 4000, 3), 90, np.uint8)).save(path)
    assert path.stat().st_size > 50e6
    [stored] = upload(url, path).json()
    kind, data = call(url, 'read', [as_file(stored)], None, session='large')
    assert kind == 'complete'
    shown = next(d['value'] for d in data if isinstance(d, dict) and d.get('visible'))
    answer = httpx.get(f'{url}/gradio_api/file={shown["path"]}')
    assert max(Image.open(io.BytesIO(answer.content)).size) == 224


def test_a_larger_file_is_refused(url, tmp_path):
    path = tmp_path / 'larger.bmp'
    with path.open('wb') as file:
        file.truncate(LIMIT + 2**20)
    assert upload(url, path).status_code == 413


@pytest.mark.parametrize('where', ['beside', 'below', 'device', 'relative'])
def test_no_path_of_a_client_is_opened(url, tmp_path, where, picture):
    path = {
        'beside': picture,
        'below': Path(upload(url, picture).json()[0]).parent / '../../..' / picture,
        'device': '/dev/zero',
        'relative': 'tests/../docs/results/iou-of-each-class-1.png',
    }[where]
    kind, data = call(url, 'read', [as_file(path)], None)
    assert kind == 'error'
    assert 'iVBOR' not in json.dumps(data)
    assert httpx.get(f'{url}/gradio_api/file={path}').status_code in (403, 404)


def test_no_address_of_a_client_is_asked(url):
    asked = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(('127.0.0.1', 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f'http://127.0.0.1:{server.server_port}/secret.png'
    kind, _ = call(url, 'read', [as_file(address)], None)
    assert kind == 'error'
    kind, _ = call(url, 'read', [as_file(address) | dict(url=address)], None)
    assert kind == 'error'
    server.shutdown()
    assert asked == []


def test_a_hundred_at_once(url, picture, drawn):
    """Each session has its own image and gets its own answer; none is lost."""
    names = drawn[1]
    [stored] = upload(url, picture).json()
    kinds, masks = {}, {}

    def ask(number):
        session = f'many-{number}'
        kind, _ = call(url, 'read', [as_file(stored)], None, session=session)
        assert kind == 'complete'
        # half of them tick another class
        chosen = [names[number % 2]]
        kind, data = call(url, 'find', chosen, 0.5, 0.25, session=session)
        kinds[number] = kind
        masks[number] = [d for d in data if isinstance(d, str) and 'legend' in d]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kinds == dict.fromkeys(range(100), 'complete')
    for number, found in masks.items():
        assert len(found) == 2
        assert all(f'<span>{names[number % 2]}</span>' in legend for legend in found)
        assert not any(names[1 - number % 2] in legend for legend in found)
