"""Large files of JSON, entry by entry: exports have one long list, or an object of some."""

import codecs
import json
from collections.abc import Generator, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.labels.chunks import CHUNK, read_chunks
from qaclims_mm.schemas.names import shown_text

_BLANKS = ' \t\r\n'
# longest token, besides texts and numbers, that the end of a chunk may cut
_TOKEN = 16
_DECODER = json.JSONDecoder()


class Entry(NamedTuple):
    """An entry of a list, or a value that is no list.

    Attributes:
        key: Key of the list or value in the outer object; '' for a list without an object.
        position: Place in the list; -1 for a value that is no list, and for an empty list.
        value: The entry.
    """

    key: str
    position: int
    value: Any


def read_entries(path: Path) -> Generator[Entry]:
    """Yield the entries of a file of JSON; no more than one entry is held in memory.

    Args:
        path: A file in UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

    Raises:
        FormatError: If it is no JSON, holds neither a list nor an object, or is nested too deeply.
    """
    try:
        yield from _entries(_Text(read_chunks(path)))
    except RecursionError:
        raise FormatError(
            f'{shown_text(path)} is nested too deeply and no export of labels.'
        ) from None
    except ValueError as error:
        raise FormatError(
            f'{shown_text(path)} is no valid JSON ({error}); export it again.'
        ) from error


class _Text:
    """The text of a file, which is decoded as it is read."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        head = next(chunks, b'')
        self._decoder = codecs.getincrementaldecoder(json.detect_encoding(head))()
        self._ended = not head
        self._passed = self.place = 0
        self.text = self._decoder.decode(head, self._ended)

    def _read(self) -> None:
        """Drop what was taken, and read as much again as is left, so that long entries are fast."""
        self._passed += self.place
        self.text, self.place = self.text[self.place :], 0
        parts = list(islice(self._chunks, 1 + len(self.text) // CHUNK))
        self._ended = not parts
        self.text += self._decoder.decode(b''.join(parts), self._ended)

    def peek(self) -> str:
        """Return the next character that is no blank, or '' at the end."""
        while True:
            while self.place < len(self.text):
                if self.text[self.place] not in _BLANKS:
                    return self.text[self.place]
                self.place += 1
            if self._ended:
                return ''
            self._read()

    def take(self, signs: str) -> str:
        """Take the next character, which must be one of some.

        Raises:
            ValueError: If it is none of them.
        """
        sign = self.peek()
        if not sign or sign not in signs:
            wanted = ' or '.join(signs)
            raise ValueError(f'{wanted} is missing at character {self._passed + self.place}')
        self.place += 1
        return sign

    def value(self) -> Any:
        """Take a value.

        Raises:
            ValueError: If it is none.
        """
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self.text, self.place)
            except json.JSONDecodeError as error:
                cut = error.msg.startswith('Unterminated') or error.pos > len(self.text) - _TOKEN
                if self._ended or not cut:
                    where = self._passed + error.pos
                    raise ValueError(f'{error.msg} at character {where}') from error
            else:
                # a number may go on in the next chunk: 1 as 12, as 1.5, or as 1e-5
                if end + 2 < len(self.text) or self._ended:
                    self.place = end
                    return value
            self._read()


def _entries(text: _Text) -> Iterator[Entry]:
    if text.peek() == '[':
        yield from _list(text, '')
    else:
        yield from _object(text)
    if text.peek():
        raise ValueError('there is more after its end')


def _object(text: _Text) -> Iterator[Entry]:
    text.take('{')
    if text.peek() == '}':
        text.take('}')
        return
    while True:
        if text.peek() != '"':
            text.take('"')
        key = text.value()
        text.take(':')
        if text.peek() == '[':
            yield from _list(text, key)
        else:
            yield Entry(key, -1, text.value())
        if text.take(',}') == '}':
            return


def _list(text: _Text, key: str) -> Iterator[Entry]:
    text.take('[')
    if text.peek() == ']':
        text.take(']')
        yield Entry(key, -1, [])
        return
    position = 0
    while True:
        yield Entry(key, position, text.value())
        position += 1
        if text.take(',]') == ']':
            return
