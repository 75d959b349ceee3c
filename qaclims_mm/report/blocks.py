"""What a page is made of; the template of the page has a macro for each kind."""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar


class MissingError(Exception):
    """A section has nothing to show.

    Args:
        message: What is missing, a sentence, and how to get it.
        command: A command line that makes it, if there is one.
    """

    def __init__(self, message: str, command: str = '') -> None:
        super().__init__(message)
        self.message, self.command = message, command


@dataclass(frozen=True)
class Text:
    """A paragraph, and perhaps a command line at its end; a muted one says what is not there."""

    kind: ClassVar[str] = 'text'
    text: str
    command: str = ''
    muted: bool = False


@dataclass(frozen=True)
class Link:
    """A link to a file beside the page: its address, already quoted, and a text."""

    kind: ClassVar[str] = 'link'
    address: str
    text: str


@dataclass(frozen=True)
class Tiles:
    """A few numbers that stand out, ``(title, value)``."""

    kind: ClassVar[str] = 'tiles'
    tiles: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Table:
    """A table; the first column names the row.

    Attributes:
        head: Titles of the columns, with their units.
        rows: Cells, as many a row as there are titles.
        caption: What is seen, and of what data.
        title: Above it, where a section has several.
    """

    kind: ClassVar[str] = 'table'
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str
    title: str = ''


@dataclass(frozen=True)
class Picture:
    """An image inside the page.

    Attributes:
        content: The file.
        media_type: ``image/png`` or ``image/jpeg``.
        size: Width and height in CSS pixels.
        alt: What it shows, in a few words, for those who do not see it.
        caption: What is seen, and of what data.
        wide: Whether it keeps its size and scrolls in its own box on a small screen.
        plot: Whether it is drawn black on nothing, so that a dark page inverts it.
        vectors: {``pdf`` or ``svg``: the same figure for papers}.
        links: Names and addresses of files of the figure.
    """

    kind: ClassVar[str] = 'picture'
    content: bytes
    media_type: str
    size: tuple[int, int]
    alt: str
    caption: str
    wide: bool = False
    plot: bool = False
    vectors: Mapping[str, bytes] = field(default_factory=dict)
    links: Sequence[tuple[str, str]] = ()

    @property
    def uri(self) -> str:
        """The image as a data URI."""
        return f'data:{self.media_type};base64,{base64.b64encode(self.content).decode()}'


@dataclass(frozen=True)
class Gallery:
    """Pictures side by side where there is room.

    Attributes:
        pictures: The pictures.
        title: Title above them.
        folded: Whether the page shows only the title until it is opened.
        small: Whether more of them stand in a row.
    """

    kind: ClassVar[str] = 'gallery'
    pictures: Sequence[Picture]
    title: str = ''
    folded: bool = False
    small: bool = False


@dataclass(frozen=True)
class Details:
    """A text of which the page shows the title until it is opened."""

    kind: ClassVar[str] = 'details'
    title: str
    text: str


@dataclass(frozen=True)
class Panel:
    """Pictures of one image side by side, with a legend of their colours.

    Attributes:
        title: Name of the image.
        text: What is said about it, a sentence.
        pictures: The pictures, each with a caption of a few words.
        legend: ``(name, (red, green, blue))`` of the colours.
    """

    kind: ClassVar[str] = 'panel'
    title: str
    text: str
    pictures: Sequence[Picture]
    legend: Sequence[tuple[str, tuple[int, int, int]]] = ()


Block = Text | Link | Tiles | Table | Picture | Gallery | Details | Panel


@dataclass(frozen=True)
class Section:
    """A part of the page with a heading."""

    title: str
    blocks: Sequence[Block]

    @property
    def anchor(self) -> str:
        """What links name it by."""
        return '-'.join(re.findall(r'\w+', self.title.lower()))
