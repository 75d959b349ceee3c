"""Archives, which are not read: what they hold, and what to do."""

import tarfile
import zipfile
from collections.abc import Sequence
from itertools import islice
from pathlib import Path, PurePosixPath

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas.names import shown_text

_ZIP = b'PK\x03\x04'
# {first bytes: kind} of archives that Python cannot list, or only as a whole
_MAGIC = {
    b'\x1f\x8b': 'gz',
    b'BZh': 'bz2',
    b'\xfd7zXZ\x00': 'xz',
    b'7z\xbc\xaf\x27\x1c': '7z',
    b'Rar!': 'rar',
}
_OLD_EXCEL = b'\xd0\xcf\x11\xe0'
_TAR_PLACE, _TAR = 257, b'ustar'
_LISTED = 2000
# members before these are unpacked to find the next one
_UNPACKED = 50
_SPREADSHEET = (
    'is a spreadsheet (Excel, LibreOffice), which is not read; save it as CSV there, and give that '
    'file.'
)
# what an export looks like: {end of a member's path: (name of the export, what to give)}
_EXPORTS = (
    ('annotations.xml', '"CVAT for images"', 'annotations.xml'),
    ('metadata.csv', "a data set of Hugging Face's imagefolder", 'metadata.csv'),
    ('metadata.jsonl', "a data set of Hugging Face's imagefolder", 'metadata.jsonl'),
    ('metadata.parquet', "a data set of Hugging Face's imagefolder", 'metadata.parquet'),
    ('data.yaml', 'YOLO', ''),
    ('obj.names', 'YOLO', ''),
    ('classes.txt', 'YOLO', ''),
)


def check_no_archive(path: Path, head: bytes) -> None:
    """Refuse an archive or a spreadsheet.

    Args:
        path: A file.
        head: Its first bytes, 512 or all.

    Raises:
        FormatError: If it is one.
    """
    if head.startswith(_OLD_EXCEL):
        raise FormatError(f'{shown_text(path)} {_SPREADSHEET}')
    kind = next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), '')
    if head.startswith(_ZIP):
        kind = 'zip'
    elif head[_TAR_PLACE:].startswith(_TAR):
        kind = 'tar'
    if kind:
        _refuse(path, kind)


def _refuse(path: Path, kind: str) -> None:
    """Say what an archive holds and how to unpack it.

    Raises:
        FormatError: Always.
    """
    members = _members(path, kind)
    office = path.suffix.lower() in ('.xlsx', '.ods')
    if office or any(m in ('[Content_Types].xml', 'content.xml') for m in members):
        raise FormatError(f'{shown_text(path)} {_SPREADSHEET}')
    name, give = _export_of(members)
    what = f', of {name} by its names,' if name else ''
    target = f'the file {give} in it' if give else 'the folder'
    raise FormatError(
        f'{shown_text(path)} is an archive ({kind}){what} and is not read; unpack it, and give '
        f'{target}.'
    )


def _members(path: Path, kind: str) -> list[str]:
    """Return the first names in an archive; none if it cannot be listed."""
    try:
        if kind == 'zip':
            with zipfile.ZipFile(path) as archive:
                return archive.namelist()[:_LISTED]
        if kind in ('gz', 'bz2', 'xz', 'tar'):
            with tarfile.open(path) as archive:
                return [member.name for member in islice(archive, _UNPACKED)]
    except (EOFError, OSError, ValueError, tarfile.TarError, zipfile.BadZipFile):
        pass
    return []


def _export_of(members: Sequence[str]) -> tuple[str, str]:
    """Return the name of the export that an archive seems to be, and the file to give, or ''."""
    paths = [PurePosixPath(member) for member in members]
    last = {path.name: path for path in paths}
    for end, name, give in _EXPORTS:
        if end in last:
            return name, shown_text(str(last[end])) if give else ''
    suffixes = {path.suffix.lower() for path in paths}
    json_files = [path for path in paths if path.suffix.lower() == '.json']
    if len(json_files) == 1:
        return 'COCO or Label Studio', shown_text(str(json_files[0]))
    if '.xml' in suffixes:
        return 'VOC', ''
    return ('labelme', '') if json_files else ('', '')
