"""What people have of labels, read with every problem told by its line, and none fatal by itself.

A table is of image paths below the folder of the images, as they are written in it.
"""

import csv
import io
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from qaclims_mm.datasets.folder import SUFFIXES, find_images
from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.schemas.files import check_regular, hash_file, problem_of_file, shown_json
from qaclims_mm.schemas.names import (
    BLANKS,
    problem_of_characters,
    problem_of_name,
    shown_name,
    shown_text,
)

SEPARATORS = (',', ';', '\t', '|')
# of several labels in one field
_BETWEEN_LABELS = (';', ',', '|')
_IMAGE_COLUMNS = ('image', 'file', 'filename', 'path', 'image_id', 'name')
_LABEL_COLUMNS = ('labels', 'label', 'classes', 'class', 'tags', 'category')
_SHOWN = 5
_ENCODING = re.compile(rb"""<\?xml[^>]*?encoding\s*=\s*(["'])([A-Za-z][\w.-]{0,40})\1""")
_SPREADSHEETS = ('.xlsx', '.xls', '.ods')
# {part of COCO's JSON: {what its entries need: of which type}}
_COCO_PARTS: dict[str, dict[str, tuple[type, ...]]] = {
    'images': dict(id=(int, str), file_name=(str,)),
    'categories': dict(id=(int, str), name=(str,)),
    'annotations': dict(image_id=(int, str), category_id=(int, str)),
}


@dataclass
class Source:
    """Labels as they were found.

    Attributes:
        kind: What was read, in words.
        rows: {image: labels}.
        places: {image: file and line or record that names it first}.
        again: Places that name an image which stands above.
        problems: What is wrong, each with its place.
        unnamed: What is said of images without a row.
    """

    kind: str
    rows: dict[str, list[str]] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    again: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    unnamed: str = 'have no usable row'

    def add(self, image: str, labels: Sequence[str], where: str) -> None:
        """Add a row, or say what is wrong with it.

        Blanks, tabs and line breaks around a name are not part of it; further control characters
        are refused, not removed.
        """
        image = image.strip(BLANKS).replace('\\', '/').removeprefix('./')
        texts = [text for label in labels if (text := label.strip(BLANKS))]
        # str.split takes some control characters for blanks, so they are looked for before
        bad = next((text for text in texts if problem_of_characters(text)), '')
        kept = list(dict.fromkeys(label for text in texts if (label := ' '.join(text.split()))))
        bad = bad or next((label for label in kept if problem_of_name(label)), '')
        if not image:
            self.problems.append(f'{where}: no image is named; the row is left out')
        elif problem := problem_of_characters(image):
            self.problems.append(f'{where}: image {shown_name(image)}: {problem}; left out')
        elif bad:
            problem = problem_of_characters(bad) or problem_of_name(bad)
            self.problems.append(f'{where}: label {shown_name(bad)}: {problem}; left out')
        elif image in self.rows:
            self.again.append(where)
            self.rows[image] = list(dict.fromkeys([*self.rows[image], *kept]))
        else:
            self.rows[image], self.places[image] = kept, where


def read_source(labels: str | Path, images: str | Path) -> Source:
    """Read labels of whatever kind.

    Args:
        labels: A CSV file (``image,labels``; the separator is found), COCO's JSON, a folder of
            VOC's XML files, or the folder of the images itself, where the first folder below it is
            the class.
        images: Folder of the images.

    Raises:
        FormatError: If it is none of these or cannot be read at all.
        ConfigError: If the images do not lie as they must without labels.
    """
    path = Path(labels)
    # those of pathlib raise an error for a name that is too long
    if not os.path.isdir(images):
        raise FormatError(f'there is no folder {shown_text(images)} with images.')
    if os.path.isdir(path):
        xml = sorted(path.glob('*.xml'))
        return _read_voc(xml, Path(images)) if xml else _read_folders(path, Path(images))
    if problem := problem_of_file(path):
        missing = f'there is no file or folder {shown_text(path)} with labels.'
        other = f'{shown_text(path)} {problem}; give a file or folder of labels.'
        raise FormatError(missing if problem == 'is missing' else other)
    if path.suffix.lower() in _SPREADSHEETS:
        raise FormatError(
            f'{path} is a spreadsheet (Excel, LibreOffice), which is not read; save it as CSV '
            'there, and give that file.'
        )
    return _read_coco(path) if path.suffix.lower() == '.json' else _read_table(path)


def _read_table(path: Path) -> Source:
    try:
        text = path.read_text(encoding='utf-8-sig')
    except UnicodeDecodeError as error:
        raise FormatError(f'{path} is not UTF-8 ({error}); save it as such.') from error
    if not text:
        raise FormatError(f'{path} is empty; it needs the columns image and labels.')
    line = text.partition('\n')[0]
    separator = max(SEPARATORS, key=line.count)
    if not line.count(separator):
        raise FormatError(
            f'{path}:1 has none of the separators , ; tab |, so there is one column: '
            f'{line[:60]!r}; it needs the columns image and labels.'
        )
    reader = csv.reader(io.StringIO(text, newline=''), delimiter=separator)
    rows = _rows(reader, path)
    head = [cell.strip(BLANKS).lower() for cell in next(rows)]
    image, label = _column(head, _IMAGE_COLUMNS), _column(head, _LABEL_COLUMNS)
    if image is None or label is None:
        raise FormatError(f'{path}:1 {_no_head(head)}')
    source = Source(f'table with {separator!r} between its columns')
    torn: dict[int, str] = {}
    number = 0
    for cells in rows:
        if not any(cell.strip(BLANKS) for cell in cells):
            continue
        number += 1
        reason = _torn(cells, len(head), image, label, separator)
        if reason:
            torn[reader.line_num] = reason
            continue
        source.add(cells[image], _labels_of(cells[label]), f'{path}:{reader.line_num}')
    if torn:
        problem = f'{path}:{_cures(torn, separator)}'
        if len(torn) > number / 2:
            raise FormatError(f'{problem}, which would be {len(torn)} of {number} rows.')
        source.problems.insert(0, problem)
    return source


def some_of(names: Sequence[str], shown: int = 10) -> str:
    """Return the first of some names as they stand in a sentence."""
    return ', '.join(names[:shown]) + (' ..' if len(names) > shown else '')


def _no_head(head: Sequence[str]) -> str:
    """Say that columns are missing, or the whole line that names them."""
    shown = ', '.join(map(shown_name, head[:_SHOWN])) + (' ..' if len(head) > _SHOWN else '')
    if any(Path(cell).suffix in SUFFIXES for cell in head):
        return f'must name the columns, as image,labels does, but is a row already: {shown}.'
    return (
        f'needs the columns image and labels, but has {shown}; image may also be called '
        f'{", ".join(_IMAGE_COLUMNS[1:])}, and labels {", ".join(_LABEL_COLUMNS[1:])}.'
    )


def _rows(reader: Any, path: Path) -> Iterator[list[str]]:
    """Yield the rows of a table.

    Raises:
        FormatError: If a field has no end.
    """
    try:
        yield from reader
    except csv.Error as error:
        raise FormatError(
            f'{path}:{reader.line_num}: {error}; is a quotation mark before it not closed?'
        ) from error


def _torn(cells: Sequence[str], number: int, image: int, label: int, separator: str) -> str:
    """Return how a row's fields show that its separators are not those of the columns, or nothing.

    Args:
        cells: Its fields.
        number: Fields of the first line.
        image: Place of the image's field.
        label: Place of the labels' field.
        separator: Of the columns.
    """
    if len(cells) != number:
        return f'{len(cells)} fields where the first line has {number}'
    if any('\n' in cells[k] and separator in cells[k] for k in (image, label)):
        return 'a quotation mark that is not closed in its line'
    name, *labels = re.split('[,;\t|]', cells[image])
    return (
        f'an image {shown_name(cells[image])}' if labels and Path(name).suffix in SUFFIXES else ''
    )


def _cures(torn: Mapping[int, str], separator: str) -> str:
    """Tell of rows whose separators are not those of the columns, and what helps.

    Args:
        torn: {line: how it shows}.
        separator: Of the columns.
    """
    first = next(iter(torn))
    listed = some_of([str(line) for line in torn], _SHOWN)
    more = f' ({len(torn)} rows are such: lines {listed})' if len(torn) > 1 else ''
    sign = next(sign for sign in _BETWEEN_LABELS if sign != separator)
    return (
        f'{first}: {torn[first]}{more}; columns are separated by {separator!r}, as in the first '
        f'line, so write several labels in quotes ("cat{separator}dog") or with another sign '
        f'between them (cat{sign}dog); left out'
    )


def _column(head: Sequence[str], names: Sequence[str]) -> int | None:
    """Return the place of the first of some names in a head."""
    return next((head.index(name) for name in names if name in head), None)


def _labels_of(cell: str) -> list[str]:
    """Split the labels of a field, by whichever sign stands in it."""
    signs = [sign for sign in _BETWEEN_LABELS if sign in cell]
    return cell.split(signs[0]) if signs else [cell]


def _read_coco(path: Path) -> Source:
    source = Source("COCO's JSON")
    try:
        content = json.loads(path.read_bytes())
    except RecursionError:
        raise FormatError(f'{path} is nested too deeply and no file of COCO instances.') from None
    except ValueError as error:
        raise FormatError(f'{path} is no valid JSON ({error}).') from error
    images, categories, annotations = (_entries(path, content, part) for part in _COCO_PARTS)
    names = {c['id']: c['name'] for c in categories}
    files = {i['id']: i['file_name'] for i in images}
    labels: dict[str, list[str]] = {name: [] for name in files.values()}
    for position, item in enumerate(annotations):
        if item['category_id'] not in names or item['image_id'] not in files:
            source.problems.append(
                f'{path}, annotation {position} (id {shown_json(item.get("id"))}): its category or '
                'image is none of the file'
            )
            continue
        labels[files[item['image_id']]].append(names[item['category_id']])
    for image, found in labels.items():
        source.add(image, found, f'{path}, image {shown_text(image)}')
    return source


def _entries(path: Path, content: object, part: str) -> list[dict]:
    """Return a part of COCO's JSON.

    Raises:
        FormatError: If it is missing, or an entry lacks what it needs.
    """
    entries = content.get(part) if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise FormatError(
            f'{path} is not a file of COCO instances: it has no list of {part}; it needs '
            f'{", ".join(_COCO_PARTS)}.'
        )
    for position, entry in enumerate(entries):
        for key, types in _COCO_PARTS[part].items():
            if not isinstance(entry, dict) or not isinstance(entry.get(key), types):
                wanted = ' or '.join(dict(int='a number', str='a text')[t.__name__] for t in types)
                raise FormatError(
                    f'{path} is not a file of COCO instances: entry {position} of {part} needs '
                    f'{key}, {wanted}, but is {str(entry)[:80]}.'
                )
    return entries


def _read_voc(files: Sequence[Path], images: Path) -> Source:
    source, known = Source("VOC's XML files"), _by_stem(images)
    for path in files:
        try:
            check_regular(path)
            root = _parse_xml(path.read_bytes())
        except (FormatError, ElementTree.ParseError, LookupError, OSError, ValueError) as error:
            source.problems.append(
                f'{shown_text(path)}: no valid XML ({error}); the image is left out'
            )
            continue
        named = (root.findtext('filename') or '').strip(BLANKS)
        image = known.get(Path(named).stem) or known.get(path.stem) or named or path.stem
        source.add(image, [node.text or '' for node in root.findall('object/name')], str(path))
    return source


def _parse_xml(content: bytes) -> ElementTree.Element:
    """Return the root of an XML file in any encoding that Python knows.

    Raises:
        ParseError: If it is no XML.
        LookupError: If its encoding is unknown, or is none of texts.
        ValueError: If its bytes are none of its encoding.
    """
    # expat refuses bombs
    try:
        return ElementTree.fromstring(content)  # noqa: S314
    except (LookupError, ValueError):
        # expat knows no encoding of several bytes but Unicode's
        found = _ENCODING.match(content)
        if found is None:
            raise
        return ElementTree.fromstring(content.decode(found[2].decode()))  # noqa: S314


def _by_stem(images: Path) -> Mapping[str, str]:
    return {p.stem: p.relative_to(images).as_posix() for p in find_images(images)}


def _read_folders(labels: Path, images: Path) -> Source:
    if labels.resolve() != images.resolve():
        raise FormatError(
            f'{labels} has no XML files; a folder of labels has them, or is that of the images '
            'with one folder a class.'
        )
    source = Source('one folder a class', unnamed='lie beside the folders of the classes')
    paths, beside = list(find_images(images)), 0
    for path in paths:
        parts = path.relative_to(images).parts
        if len(parts) > 1:
            source.add('/'.join(parts), [parts[0].replace('_', ' ')], str(path))
        beside += len(parts) == 1
    if not source.rows or beside > len(source.rows):
        raise ConfigError(
            f'{images} has {beside} images and {len(source.rows)} more in folders, which would be '
            'the classes; did you forget --labels?'
            if paths
            else f'{images} has no images.'
        )
    inside = [path for path in paths if path.parent != images]
    source.problems += [*_without_images(images, inside), *_in_several(images, inside)]
    return source


def _without_images(images: Path, paths: Sequence[Path]) -> list[str]:
    """Tell of the folders that would be classes, had they an image."""
    classes = {path.relative_to(images).parts[0] for path in paths}
    return [
        f'{folder}: has no image, so it is no class'
        for folder in sorted(images.iterdir())
        if folder.is_dir() and not folder.name.startswith('.') and folder.name not in classes
    ]


def _in_several(images: Path, paths: Sequence[Path]) -> list[str]:
    """Tell of files that lie in the folders of several classes."""
    by_size: dict[int, list[Path]] = {}
    for path in paths:
        by_size.setdefault(path.stat().st_size, []).append(path)
    by_content: dict[str, list[Path]] = {}
    for path in (path for alike in by_size.values() if len(alike) > 1 for path in alike):
        by_content.setdefault(hash_file(path), []).append(path)
    several = [
        sorted(same)
        for same in by_content.values()
        if len({path.relative_to(images).parts[0] for path in same}) > 1
    ]
    if not several:
        return []
    one, other, *_ = several[0]
    return [
        f'{one}: is the same file as {other}'
        + (f', and {len(several) - 1} more are in several folders' if len(several) > 1 else '')
        + '; to an image of its own each has only the class of its folder: a table can give '
        'an image both labels'
    ]
