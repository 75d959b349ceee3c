"""Questions and answers as tables of the page."""

import html
from collections.abc import Sequence
from itertools import groupby

HEAD = ('class', 'about', 'question', 'answer')


def answer_tables(rows: Sequence[Sequence[str]]) -> str:
    """Return a table of each class as HTML; ``''`` without rows.

    Args:
        rows: Rows of ``HEAD``, sorted by class.
    """
    return ''.join(_table(name, list(own)) for name, own in groupby(rows, key=lambda row: row[0]))


def _table(name: str, rows: Sequence[Sequence[str]]) -> str:
    head = ''.join(f'<th scope="col">{title}</th>' for title in HEAD[1:])
    body = ''.join(
        f'<tr>{"".join(f"<td>{html.escape(cell)}</td>" for cell in row[1:])}</tr>' for row in rows
    )
    caption = f'<caption>{html.escape(name)}</caption>'
    return f'<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
