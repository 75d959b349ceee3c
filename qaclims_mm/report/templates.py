"""Templates of pages, filled with values."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from qaclims_mm.report.blocks import Section

HERE = Path(__file__).parent


def render(
    title: str,
    date: str,
    lead: str,
    sections: Sequence[Section],
    warning: tuple[str, str] = ('', ''),
) -> str:
    """Return the page; all that stands in it is escaped.

    Args:
        title: Heading of the page.
        date: When it was made.
        lead: What it is about.
        sections: Its parts.
        warning: Why its masks mean nothing, and a command that helps; each may be ''.
    """
    options = dict(title=title, date=date, lead=lead, sections=sections, warning=warning)
    return render_template('page.html.jinja', **options)


def render_template(name: str, **values: Any) -> str:
    """Return a page with the style of all pages; all values in it are escaped.

    Args:
        name: Name of the template.
        values: Its values.
    """
    # S701 asks for this: every value is escaped, whatever a file on disk called it
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template(name).render(style=own_file('style.css'), **values)


def own_file(name: str) -> Markup:
    """Return a file of this folder, which is not escaped."""
    return Markup((HERE / name).read_text(encoding='utf-8'))  # noqa: S704 - our own file
