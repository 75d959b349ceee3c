"""A server of the page that leaves nothing behind."""

import atexit
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr

from qaclims_mm.demo.page import HERE, page_css

FOLDER = 'GRADIO_TEMP_DIR'
# sessions whose ticks and images are remembered; each takes about 0.2 MB
SESSIONS = 200
_STOPS = tuple(
    getattr(signal, name) for name in ('SIGINT', 'SIGTERM', 'SIGHUP') if hasattr(signal, name)
)


@contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """Yield an event that is set when the process is interrupted or terminated."""
    stopped = threading.Event()
    before = {number: signal.signal(number, lambda *_: stopped.set()) for number in _STOPS}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def serve(
    blocks: gr.Blocks, ready: Callable[[], Any], stopped: threading.Event, **options: Any
) -> None:
    """Serve a page until it is stopped.

    Args:
        blocks: The page.
        ready: Called when the page can be opened.
        stopped: Event that ends the server.
        options: Further options of ``Blocks.launch``.
    """
    launch(blocks, **options)
    try:
        ready()
        stopped.wait()
    finally:
        blocks.close(verbose=False)


def launch(blocks: gr.Blocks, **options: Any) -> str:
    """Start the server of a page in a thread; returns its address."""
    _, address, _ = blocks.launch(
        share=False,
        quiet=True,
        footer_links=[],
        css=page_css(),
        js=(HERE / 'page.js').read_text(encoding='utf-8'),
        state_session_capacity=SESSIONS,
        prevent_thread_lock=True,
        **options,
    )
    return address.rstrip('/')


@contextmanager
def temporary_files() -> Iterator[Path]:
    """Keep all temporary files of this process in a folder that is deleted at the end.

    Gradio's own folder is shared by all programs of a machine, is readable by all users, and keeps
    its files when a server ends.
    """
    given, directory = os.environ.get(FOLDER), tempfile.tempdir
    folder = Path(tempfile.mkdtemp(prefix='qaclims-demo-', dir=_existing(given)))
    # a thread that still computes may write into it again
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ[FOLDER], tempfile.tempdir = str(folder), str(folder)
    try:
        yield folder
    finally:
        tempfile.tempdir = directory
        if given is None:
            del os.environ[FOLDER]
        else:
            os.environ[FOLDER] = given
        shutil.rmtree(folder, ignore_errors=True)


def _existing(folder: str | None) -> str | None:
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
    return folder or None
