"""The server of the page."""

import logging
import threading
from collections.abc import Callable
from typing import Any

import gradio as gr

from qaclims_mm.demo.page import HERE, page_css

# sessions whose images and ticks are remembered; gradio takes 0.2 to 0.5 MB for each
SESSIONS = 100


def serve(blocks: gr.Blocks, ready: Callable[[], Any], **options: Any) -> None:
    """Serve a page until an exception, such as that of a signal, ends the process.

    Args:
        blocks: The page.
        ready: Called when the page can be opened.
        options: Further options of ``Blocks.launch``.
    """
    launch(blocks, **options)
    try:
        ready()
        threading.Event().wait()
    finally:
        # streams that browsers keep open would hold it up, and are reported when they are cut
        blocks.server.config.timeout_graceful_shutdown = 1
        logging.getLogger('uvicorn.error').disabled = True
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
