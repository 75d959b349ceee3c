"""The text of files that spreadsheets wrote, in the encodings that they use."""

import re

from qaclims_mm.errors import FormatError

_RUN = re.compile(rb'[\x80-\xff]+')
# letters and signs of the Windows code page that Western names have
_LETTERS = frozenset({chr(k) for k in range(0xC0, 0x100)} - set('×÷')) | frozenset('šžœŸ')
_SIGNS = frozenset('\u00a0«»°·§€“”‘’–—…ªº')
# of bytes beyond ASCII that stand side by side
_LONGEST = 2


def decode_table(where: str, content: bytes) -> tuple[str, str]:
    """Return the text of a table, and a note if its encoding had to be guessed, or ''.

    Args:
        where: The table, for messages.
        content: Its bytes.

    Raises:
        FormatError: If it is in none of UTF-8, UTF-16 and Windows-1252.
    """
    # Excel's "Unicode Text" begins with a mark of UTF-16
    encoding = 'utf-16' if content.startswith((b'\xff\xfe', b'\xfe\xff')) else 'utf-8-sig'
    note = ''
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b'\n', 0, error.start) + 1
        text = _of_windows(content)
        if not text:
            raise FormatError(
                f'{where}:{line} is not UTF-8 (byte {content[error.start]:#04x}); save the table '
                'as "CSV UTF-8" in your spreadsheet, or convert it: iconv -f ENCODING -t UTF-8 '
                'OLD > NEW.'
            ) from error
        note = (
            f'{where}:{line} is not UTF-8; the table is read as Windows-1252, as Excel writes it. '
            'If letters are wrong, save it as "CSV UTF-8"'
        )
    return text.replace('\r\n', '\n').replace('\r', '\n'), note


def _of_windows(content: bytes) -> str:
    """Return the text of Windows-1252, or '' if the bytes look like another encoding.

    In Western languages, letters with accents stand alone between others, or two small ones stand
    side by side (Größe). Bytes of Chinese, Japanese or Cyrillic encodings stand in other pairs or
    in longer runs.
    """
    try:
        text = content.decode('cp1252')
        runs = [run.decode('cp1252') for run in set(_RUN.findall(content))]
    except UnicodeDecodeError:
        return ''
    return text if all(map(_is_western, runs)) else ''


def _is_western(run: str) -> bool:
    known = all(sign in _LETTERS or sign in _SIGNS for sign in run)
    small = len(run) == 1 or run.islower() or not _SIGNS.isdisjoint(run)
    return known and small and len(run) <= _LONGEST
