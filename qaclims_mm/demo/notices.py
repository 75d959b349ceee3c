"""Messages of the page: where they stand, and how errors become messages."""

import functools
import html
import logging
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr
import torch

from qaclims_mm.errors import QAClimsError

# lines of messages that are shown at once
_LINES = 12
OUT_OF_MEMORY = (
    'The server has too little memory for this image. Try a smaller image, or start the server '
    'with a smaller --max-side.'
)
_LOG = logging.getLogger(__name__)


def notice(text: str = '', is_error: bool = False) -> Any:
    """Return a message as it stands beside the control that caused it; ``''`` removes it.

    The page reads messages as HTML, so the names in them are escaped.
    """
    role, kind = ('alert', 'notice error') if is_error else ('status', 'notice')
    shown = html.escape(text[:1].upper() + text[1:], quote=False)
    content = f'<p class="{kind}" role="{role}">{shown}</p>' if text else ''
    return gr.update(value=content, visible=bool(text))


def listed(messages: Sequence[str]) -> Any:
    """Return messages about files as a list; nothing is shown without one."""
    shown = [html.escape(text, quote=False) for text in messages[:_LINES]]
    if len(messages) > _LINES:
        shown.append(f'and {len(messages) - _LINES} more')
    items = ''.join(f'<li>{text}</li>' for text in shown)
    return gr.update(value=f'<div role="status"><ul>{items}</ul></div>', visible=bool(messages))


def told(function: Callable, outputs: int, place: int, places: int) -> Callable:
    """Return a function whose errors become a message on the page.

    Gradio's own errors are gone after seconds and leave a badge over the pictures.

    Args:
        function: An action that returns the values of its outputs, or one value if it has one.
        outputs: Number of its outputs. An error leaves them as they are.
        place: Place of the message among ``places``.
        places: Number of places for messages, which are the outputs that follow. A good result
            empties all of them.
    """

    @functools.wraps(function)
    def wrapped(*args: Any) -> tuple[Any, ...]:
        said = [notice()] * places
        try:
            made = function(*args)
        except Exception as error:
            said[place] = notice(_describe(error), is_error=True)
            return *([gr.skip()] * outputs), *said
        values = [made] if outputs == 1 and not isinstance(made, tuple) else list(made)
        # a remark on a good result comes last
        if len(values) > outputs:
            said[place] = notice(values.pop())
        return *values, *said

    return wrapped


def _describe(error: Exception) -> str:
    """Return one sentence about an error; what is no user's mistake is logged."""
    if isinstance(error, (QAClimsError, ValueError)):
        return str(error)
    _LOG.error('The page could not answer.', exc_info=error)
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return OUT_OF_MEMORY
    return f'The server failed ({type(error).__name__}); its log has the details.'
