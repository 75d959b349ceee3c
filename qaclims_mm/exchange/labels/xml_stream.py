"""Files of XML in any encoding, element by element; entities are refused."""

import codecs
import itertools
import re
from collections.abc import Generator, Iterator
from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.labels.chunks import read_chunks
from qaclims_mm.schemas.files import check_regular
from qaclims_mm.schemas.names import shown_text

_DEEPEST = 100
_DECLARED = re.compile(rb"""\s*<\?xml[^>]*?encoding\s*=\s*(["'])([A-Za-z][\w.-]{0,40})\1""")
_MARKS = (
    (codecs.BOM_UTF8, 'utf-8-sig'),
    (codecs.BOM_UTF16_LE, 'utf-16'),
    (codecs.BOM_UTF16_BE, 'utf-16'),
    (b'<\0', 'utf-16-le'),
    (b'\0<', 'utf-16-be'),
)
# programs declare the smaller encoding and write letters of the larger one
_LARGER = {
    'gb2312': 'gb18030',
    'gbk': 'gb18030',
    'shift_jis': 'cp932',
    'euc_kr': 'cp949',
    'iso8859-1': 'cp1252',
}


def read_elements(path: Path) -> Generator[Element]:
    """Yield the root of a file of XML without its children, then each child when it is whole.

    Args:
        path: A file in the encoding of its byte order mark, of its first line, or in UTF-8.

    Raises:
        FormatError: If it is no XML, is not of its encoding, or uses entities of its own.
    """
    try:
        check_regular(path, 'give a file')
        chunks = read_chunks(path)
        head = next(chunks, b'')
        decoder = codecs.getincrementaldecoder(_encoding_of(head))()
        elements = _Elements()
        for chunk in itertools.chain([head], chunks):
            yield from elements.feed(decoder.decode(chunk))
        yield from elements.feed(decoder.decode(b'', True), True)
    except (expat.ExpatError, LookupError, OSError, ValueError) as error:
        raise FormatError(f'{shown_text(path)}: no valid XML ({shown_text(str(error))})') from error


def root_of(path: Path) -> str:
    """Return the tag of the root of a file, or '' if it is no XML."""
    try:
        return next(read_elements(path)).tag
    except (FormatError, StopIteration):
        return ''


def _encoding_of(head: bytes) -> str:
    """Return the encoding of a file.

    Raises:
        LookupError: If Python knows no such encoding of texts.
    """
    marked = next((name for mark, name in _MARKS if head.startswith(mark)), '')
    declared = _DECLARED.match(head)
    if marked or not declared:
        return marked or 'utf-8'
    name = declared[2].decode()
    # what is ASCII up to its declaration is not of two bytes a letter, whatever that says
    name = 'utf-8' if name.lower().startswith(('utf-16', 'utf-32', 'ucs')) else name
    # bytes.decode refuses encodings that are none of texts
    b'<'.decode(name)
    name = codecs.lookup(name).name
    return _LARGER.get(name, name)


class _Elements:
    """Makes elements of a text that comes in parts."""

    def __init__(self) -> None:
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._data
        self._parser.EntityDeclHandler = self._parser.SkippedEntityHandler = self._refuse
        self._depth = 0
        self._ready: list[Element] = []
        self._builder = TreeBuilder()

    def feed(self, text: str, final: bool = False) -> Iterator[Element]:
        """Yield the elements that a part of the text ends, also those before an error."""
        try:
            # a text is always parsed as such, whatever encoding its first line declares
            self._parser.Parse(text, final)
        finally:
            ready, self._ready = self._ready, []
            yield from ready

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if self._depth == _DEEPEST:
            raise ValueError('it is nested too deeply')
        if self._depth == 0:
            self._ready.append(Element(tag, attributes))
        else:
            self._builder.start(tag, attributes)
        self._depth += 1

    def _end(self, tag: str) -> None:
        self._depth -= 1
        if self._depth:
            self._builder.end(tag)
        if self._depth == 1:
            self._ready.append(self._builder.close())
            self._builder = TreeBuilder()

    def _data(self, text: str) -> None:
        if self._depth > 1:
            self._builder.data(text)

    def _refuse(self, *_: object) -> None:
        raise ValueError('it uses entities of its own, which are not read')
