"""Servers on this machine that serve files well, slowly, broken or wrongly, and a fetch."""

import contextlib
import http.server
import random
import threading
import time
import urllib.request
from dataclasses import dataclass, field

from qaclims_mm.downloads.transfer import Patience, fetch
from qaclims_mm.downloads.wanted import Wanted

CONTENT = random.Random(0).randbytes(300_000)
QUICK = Patience(timeout=5.0, window=0.2, slowest=1000.0, tries=4, pause=0.0)


@dataclass
class Served:
    """A file, and how it is served.

    Attributes:
        content: Its bytes.
        etag: Its version; '' for none.
        ranges: Whether the server resumes.
        cuts: After how many bytes of an answer each connection ends; the last answers are whole.
        errors: Statuses of the first answers.
        pause: Seconds between chunks of ``chunk`` bytes.
        kind: Content type.
        length: Whether the length is sent.
    """

    content: bytes
    etag: str = '"one"'
    ranges: bool = True
    cuts: list[int] = field(default_factory=list)
    errors: list[int] = field(default_factory=list)
    pause: float = 0.0
    chunk: int = 1 << 16
    kind: str = 'application/octet-stream'
    length: bool = True


class _Handler(http.server.BaseHTTPRequestHandler):
    files: dict[str, Served]
    asked: list

    def log_message(self, *_):
        pass

    def do_GET(self):
        found = self.files.get(self.path.lstrip('/'))
        wanted = self.headers.get('Range')
        self.asked.append((self.path, wanted))
        if found is None or found.errors:
            self.send_response(found.errors.pop(0) if found else 404)
            self.send_header('Content-Length', '0')
            self.end_headers()
            return
        if_range = self.headers.get('If-Range')
        start = int(wanted.removeprefix('bytes=').rstrip('-')) if wanted and found.ranges else 0
        if if_range not in (None, found.etag):
            start = 0
        size = len(found.content)
        if start and start >= size:
            self.send_response(416)
            self.send_header('Content-Range', f'bytes */{size}')
            self.send_header('Content-Length', '0')
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header('Content-Range', f'bytes {start}-{size - 1}/{size}')
        self.send_header('Content-Type', found.kind)
        if found.etag:
            self.send_header('ETag', found.etag)
        if found.length:
            self.send_header('Content-Length', str(size - start))
        self.end_headers()
        self._send(found, found.content[start:])

    def _send(self, found, content):
        content = content[: found.cuts.pop(0)] if found.cuts else content
        # a client may leave
        with contextlib.suppress(OSError):
            for i in range(0, len(content), found.chunk):
                self.wfile.write(content[i : i + found.chunk])
                time.sleep(found.pause)
        self.close_connection = True


class _Proxy(http.server.BaseHTTPRequestHandler):
    """Answers for any host with what the server has."""

    asked: list
    server_url: str

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.asked.append(self.path)
        name = self.path.rpartition('/')[2]
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f'{self.server_url}/{name}') as answer:
            content = answer.read()
        self.send_response(200)
        self.send_header('Content-Length', str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextlib.contextmanager
def _serving(handler):
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02))
        thread.start()
        try:
            yield f'http://127.0.0.1:{server.server_port}'
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def serving(files):
    """Serve {name: Served}; give the address and the list of (path, range) that are asked for."""
    handler = type('Handler', (_Handler,), dict(files=files, asked=[]))
    with _serving(handler) as url:
        yield url, handler.asked


@contextlib.contextmanager
def proxy(server_url):
    """Serve as a proxy; give its address and the list of addresses that are asked for."""
    handler = type('Proxy', (_Proxy,), dict(asked=[], server_url=server_url))
    with _serving(handler) as url:
        yield url, handler.asked


def get(folder, *urls, check=lambda part: None, on_bytes=lambda done, total: None, **more):
    """Fetch ``file.bin`` into a folder, with little patience; returns its content."""
    wanted = Wanted(folder / 'file.bin', urls, **more)
    fetch(wanted, check, on_bytes, QUICK)
    return wanted.path.read_bytes()
