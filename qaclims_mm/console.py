"""Terminal output in which labels, names and paths are data: no markup, no control characters.

Tools print through ``new_console`` and colour their own words with ``styled``; see
``tests/test_console.py``, which keeps rich's other consoles out of the package.
"""

import re
from typing import Any

from rich.console import Console
from rich.protocol import is_renderable
from rich.table import Table as _RichTable
from rich.text import Text

# Control characters except tab and newline, line and paragraph separators, characters that change
# the direction of writing, and lone surrogates, which no encoding can write.
_UNPRINTABLE = re.compile(
    r'[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]'
)


def printable(text: str) -> str:
    r"""Replace the characters that a terminal would act on by their backslash escapes.

    Args:
        text: Text of any origin.

    Returns:
        The text; newlines, tabs and all visible characters are unchanged.

    Example:
        >>> print(printable('a\x1b[31mred'))
        a\x1b[31mred
    """
    return _UNPRINTABLE.sub(lambda found: found[0].encode('unicode_escape').decode(), text)


def styled(*parts: str | tuple[str, str]) -> Text:
    """Join parts of a line, some of them in a style.

    Args:
        parts: Plain text, or pairs of a text and its style, such as ``('done', 'green')``.

    Returns:
        A text in which nothing but these styles has a meaning for the terminal.
    """
    pairs = [(part, '') if isinstance(part, str) else part for part in parts]
    return Text.assemble(*((printable(text), style) for text, style in pairs))


class Table(_RichTable):
    """Table that breaks what is too long for a narrow terminal or a log, and cuts nothing off."""

    def add_column(self, *arguments: Any, **options: Any) -> None:
        """Add a column; the arguments are rich's."""
        super().add_column(*arguments, **{'overflow': 'fold', **options})


class _DataConsole(Console):
    """Console that shows every string as it is."""

    def print(self, *objects: Any, **options: Any) -> None:
        # rich would show other objects, such as paths and errors, without render_str
        super().print(*(o if is_renderable(o) else str(o) for o in objects), **options)

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(printable(text), **options)


def new_console(**options: Any) -> Console:
    """Return a console that shows strings, table cells, titles and captions as they are.

    Args:
        options: Options of rich's ``Console``, but for those of markup, emoji and highlighting.
    """
    return _DataConsole(markup=False, emoji=False, highlight=False, **options)
