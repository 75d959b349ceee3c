"""A server of the page in a process of its own, and users who ask it for many things."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
from PIL import Image
from tool_runs import ROOT

from qaclims_mm.demo.examples import draw_example

API = 'gradio_api'


@dataclass
class Server:
    """A running server.

    Attributes:
        url: Its address.
        process: Its process.
        folder: Where it keeps temporary files.
    """

    url: str
    process: subprocess.Popen
    folder: Path

    @property
    def megabytes(self):
        """Resident memory."""
        return psutil.Process(self.process.pid).memory_info().rss / 2**20

    def wait(self):
        """Wait until the page can be opened."""
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if f'8 classes; {self.url}' in line:
                return
        raise AssertionError(''.join(lines))

    def wait_for_folder(self):
        """Wait until there is a folder for temporary files."""
        deadline = time.monotonic() + 60
        while not any(self.folder.iterdir()):
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def files(self):
        """Return the temporary files there are."""
        return [path for path in self.folder.rglob('*') if path.is_file()]

    def stop(self, number=signal.SIGTERM):
        """Send a signal; returns the exit status and what was written."""
        self.process.send_signal(number)
        text, _ = self.process.communicate(timeout=60)
        return self.process.returncode, text


@contextmanager
def started(folder, wait=True):
    """Start a server of MiniWorld's networks whose temporary files lie in a folder."""
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        port = taken.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, ROOT / 'tools/demo.py', '--port', str(port), '--device', 'cpu'],
        cwd=ROOT,
        env=_environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    server = Server(f'http://127.0.0.1:{port}', process, Path(folder))
    try:
        if wait:
            server.wait()
        yield server
    finally:
        process.kill()
        process.wait(30)


def _environment(folder):
    """Return variables of a user's shell, which has no settings of trainings."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith('MALLOC_')}
    return plain | dict(HF_HUB_OFFLINE='1', TMPDIR=str(folder), GRADIO_TEMP_DIR=str(folder))


class User:
    """A session of the page.

    Args:
        server: The server.
        number: Number of the session, which chooses the image.
        client: An HTTP client.
    """

    def __init__(self, server, number, client):
        self.url, self.session, self.client = server.url, f'soak-{number}', client
        self.example = draw_example(number)

    def upload(self):
        """Upload an image; returns its place on the server."""
        file = io.BytesIO()
        Image.fromarray(self.example.pixels).save(file, format='PNG')
        files = dict(files=(f'{self.session}.png', file.getvalue()))
        answer = self.client.post(f'{self.url}/{API}/upload', files=files)
        [place] = answer.json()
        return dict(path=place, meta=dict(_type='gradio.FileData'))

    def ask(self, event, *data):
        """Run an event by its number, as the browser does; returns its values."""
        body = dict(data=list(data), fn_index=event, session_hash=self.session)
        self.client.post(f'{self.url}/{API}/queue/join', json=body).raise_for_status()
        query = dict(session_hash=self.session)
        with self.client.stream('GET', f'{self.url}/{API}/queue/data', params=query) as lines:
            for line in lines.iter_lines():
                said = json.loads(line.removeprefix('data:')) if line.startswith('data:') else {}
                if said.get('msg') == 'process_completed':
                    assert said['success'], said
                    return said['output']['data']
        raise AssertionError(f'{event} has no answer')


def soak(server, requests, every=50):
    """Let users upload an image, find its classes and download masks, until a number of requests.

    Returns:
        {number of requests: resident memory in MB}.
    """
    measured, done, number = {}, 0, 0
    with httpx.Client(timeout=120) as client:
        config = client.get(f'{server.url}/config').json()
        events = {d['api_name']: d['id'] for d in config['dependencies']}
        while done < requests:
            user = User(server, number, client)
            image, classes = user.upload(), list(user.example.classes)
            read = user.ask(events['read'], [image], None)
            assert all(text == '' for text in messages_of(read)), read
            found = user.ask(events['find'], None, classes, 0.55, 0.25)
            assert any('What kind of' in str(value) for value in found), found
            user.ask(events['files'], None, classes, None, 0.25, 'png')
            done, number = done + 4, number + 1
            if done % every < 4:
                measured[done] = server.megabytes
    return measured


def messages_of(values):
    """Return the messages at the places of the page."""
    return [value.get('value', '') for value in values[-2:]]
