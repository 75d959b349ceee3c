"""Transfers over HTTP that resume, retry, and refuse what is not the file."""

import http.client
import re
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qaclims_mm.downloads.wanted import Wanted, write_all
from qaclims_mm.errors import DownloadError
from qaclims_mm.schemas.names import counted
from qaclims_mm.version import __version__

# what is transferred at once, at most
_CHUNK = 1 << 16
# answers of a server that may be another one later
_LATER = (408, 425, 429, 500, 502, 503, 504)
_LONGEST_PAUSE = 120.0
# of a server that was never reached: a machine without a network need not wait long
_UNREACHED_TRIES = 3

OnBytes = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Patience:
    """How long a transfer waits.

    Attributes:
        timeout: Seconds to connect, and without a byte.
        window: Seconds over which the rate is measured.
        slowest: Bytes a second, on average over a window, below which a transfer starts anew.
        tries: Failures in a row, without progress, after which it gives up; fewer, if the server
            was never reached.
        pause: Seconds after the first failure; doubled after each further one.
    """

    timeout: float = 60.0
    window: float = 60.0
    slowest: float = 1000.0
    tries: int = 6
    pause: float = 2.0


class _RetryError(Exception):
    """A failure that may be over soon.

    Args:
        reason: What has failed.
        pause: Seconds that the server asks to wait.
        is_slow: Whether it is too slow, so that its progress does not count.
    """

    def __init__(self, reason: str, pause: float = 0.0, is_slow: bool = False) -> None:
        super().__init__(reason)
        self.pause, self.is_slow = pause, is_slow


def fetch(
    wanted: Wanted,
    check: Callable[[Path], None] = lambda path: None,
    on_bytes: OnBytes = lambda done, total: None,
    patience: Patience | None = None,
) -> None:
    """Fetch a file; what an earlier call has fetched of it is kept.

    Proxies are taken from the environment (``http_proxy``, ``https_proxy``, ``no_proxy``).

    Args:
        wanted: The file.
        check: Raises ``DownloadError`` if the whole part is not the file; the part is deleted then.
        on_bytes: Is called with the bytes that are there and the size, ``None`` if it is unknown.
        patience: How long to wait.

    Raises:
        DownloadError: If no address gives the file.
        OSError: If it cannot be written.
    """
    problems = []
    wanted.path.parent.mkdir(parents=True, exist_ok=True)
    for url in wanted.urls:
        try:
            _Transfer(wanted, url, on_bytes, patience or Patience()).run()
            try:
                check(wanted.part)
            except DownloadError:
                wanted.forget()
                raise
            wanted.finish()
            return
        except DownloadError as error:
            problems.append(f'{url}: {error}')
    listed = '\n  '.join(problems)
    raise DownloadError(
        f'{wanted.path.name} cannot be fetched:\n  {listed}\nGive the same command again to '
        f'resume, or put the file at {wanted.path} by hand.'
    )


class _Transfer:
    """Fetches a file from one address."""

    def __init__(self, wanted: Wanted, url: str, on_bytes: OnBytes, patience: Patience) -> None:
        self.wanted, self.url, self.on_bytes = wanted, url, on_bytes
        self.patience = patience
        self.reached = False
        self.total: int | None = None

    def run(self) -> None:
        """Fetch the part to its end.

        Raises:
            DownloadError: If that cannot be done.
        """
        failures, furthest = 0, self.wanted.bytes_there
        while True:
            try:
                self._try_once()
                return
            except (_RetryError, OSError, http.client.HTTPException) as error:
                # a disk that is full, or a folder that may not be written
                if isinstance(error, OSError) and error.filename is not None:
                    raise
                reason = _reason(error)
                is_slow = isinstance(error, _RetryError) and error.is_slow
                if self.wanted.bytes_there > furthest and not is_slow:
                    failures, furthest = 0, self.wanted.bytes_there
                failures += 1
                if failures >= (self.patience.tries if self.reached else _UNREACHED_TRIES):
                    raise DownloadError(f'{reason} ({counted(failures, "try")})') from error
                asked = error.pause if isinstance(error, _RetryError) else 0.0
                pause = max(asked, self.patience.pause * 2 ** (failures - 1))
                time.sleep(min(pause, _LONGEST_PAUSE))

    def _try_once(self) -> None:
        have, headers = self.wanted.resumption(self.url)
        agent = {'User-Agent': f'qaclims_mm/{__version__}', 'Accept-Encoding': 'identity'}
        # catalogues have addresses of http and https alone
        request = urllib.request.Request(self.url, headers=agent | headers)  # noqa: S310
        # urlopen would keep the proxies of its first call
        opener = urllib.request.build_opener()
        try:
            answer = opener.open(request, timeout=self.patience.timeout)
        except urllib.error.HTTPError as error:
            self.reached = True
            with error:
                self._refused(error, have)
            return
        except urllib.error.URLError as error:
            if isinstance(error.reason, ssl.SSLCertVerificationError):
                raise DownloadError(
                    f'the certificate of the server is not trusted ({error.reason}); behind a '
                    'proxy that reads TLS, let SSL_CERT_FILE name its certificates'
                ) from error
            raise _RetryError(f'cannot be reached ({error.reason})') from error
        self.reached = True
        with answer:
            have = self._begin(answer, have)
            self._take(answer, have)

    def _refused(self, error: urllib.error.HTTPError, have: int) -> None:
        """Take an answer that is an error; returns if the part is whole.

        Raises:
            DownloadError: If another try would be in vain.
            _RetryError: If it would not.
        """
        if error.code == 416 and have:
            total = re.fullmatch(r'bytes \*/(\d+)', error.headers.get('Content-Range', ''))
            if total and int(total[1]) == have:
                if self.wanted.bytes not in (None, have):
                    raise DownloadError(f'the file there has {have} bytes, not {self.wanted.bytes}')
                return
            self.wanted.forget()
            raise _RetryError('the server refuses to resume')
        text = f'the server answers {error.code} {error.reason}'
        if error.code in _LATER:
            after = error.headers.get('Retry-After', '')
            raise _RetryError(text, float(after) if after.isdigit() else 0.0)
        raise DownloadError(text)

    def _begin(self, answer: Any, have: int) -> int:
        """Check what comes; returns after how many bytes of the file it starts."""
        wanted, headers = self.wanted, answer.headers
        if answer.status == 206:
            found = re.match(r'bytes (\d+)-', headers.get('Content-Range', ''))
            if not found or int(found[1]) != have:
                wanted.forget()
                raise _RetryError('the server resumes at another place')
        else:
            have = 0
        if 'html' in headers.get('Content-Type', '') and not wanted.path.suffix == '.html':
            raise DownloadError(
                'the answer is a web page, not the file; a login or a form may be in the way'
            )
        if headers.get('Content-Encoding', 'identity') != 'identity':
            raise DownloadError(f'the answer is encoded as {headers["Content-Encoding"]}')
        self.total = have + int(headers['Content-Length']) if headers['Content-Length'] else None
        if None not in (self.total, wanted.bytes) and self.total != wanted.bytes:
            raise DownloadError(f'the file there has {self.total} bytes, not {wanted.bytes}')
        self._check_disk(have)
        if not have:
            etag, modified = headers['ETag'] or '', headers['Last-Modified']
            # a weak one says nothing about bytes
            strong = etag if etag.startswith('"') else modified
            wanted.start(self.url, strong)
        return have

    def _check_disk(self, have: int) -> None:
        free = shutil.disk_usage(self.wanted.path.parent).free
        size = self.total or self.wanted.bytes
        if size and size - have > free:
            raise DownloadError(
                f'{size - have} more bytes are needed, but the disk of {self.wanted.path.parent} '
                f'has {free} free; make room'
            )

    def _take(self, answer: Any, have: int) -> None:
        """Append what comes to the part."""
        start, since = time.monotonic(), 0
        with self.wanted.part.open('ab', buffering=0) as file:
            while chunk := answer.read1(_CHUNK):
                write_all(file, chunk, self.wanted.part)
                have, since = have + len(chunk), since + len(chunk)
                self.on_bytes(have, self.total or self.wanted.bytes)
                if (seconds := time.monotonic() - start) >= self.patience.window:
                    if since < self.patience.slowest * seconds:
                        rate = f'only {since / seconds:.0f} bytes a second come'
                        raise _RetryError(rate, is_slow=True)
                    start, since = time.monotonic(), 0
        size = self.total or self.wanted.bytes
        if size is not None and have < size:
            raise _RetryError(f'the connection ended after {have} of {size} bytes')
        if size is not None and have > size:
            self.wanted.forget()
            raise DownloadError(f'more than the {size} bytes of the file came')


def _reason(error: Exception) -> str:
    """Return why a try has failed, in a few words."""
    if isinstance(error, TimeoutError):
        return 'nothing comes any more'
    return str(error) or type(error).__name__
