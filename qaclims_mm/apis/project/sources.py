"""What people have of labels, read with every problem told by its line, and none fatal by itself.

A table is of image paths below the folder of the images, as they are written in it.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from qaclims_mm.datasets.folder import SUFFIXES
from qaclims_mm.schemas import FormatError

SEPARATORS = (',', ';', '\t', '|')
# of several labels in one field
_BETWEEN_LABELS = (';', ',', '|')
_IMAGE_COLUMNS = ('image', 'file', 'filename', 'path', 'image_id', 'name')
_LABEL_COLUMNS = ('labels', 'label', 'classes', 'class', 'tags', 'category')


@dataclass
class Source:
    """Labels as they were found.

    Attributes:
        kind: What was read, in words.
        rows: {image: labels}.
        places: {image: file and line or record that names it first}.
        problems: What is wrong, each with its place.
    """

    kind: str
    rows: dict[str, list[str]] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def add(self, image: str, labels: Sequence[str], where: str) -> None:
        """Add a row, or say what is wrong with it."""
        image = image.strip().replace('\\', '/').removeprefix('./')
        kept = list(dict.fromkeys(label for text in labels if (label := ' '.join(text.split()))))
        if not image:
            self.problems.append(f'{where}: no image is named; the row is left out')
        elif image in self.rows and self.rows[image] != kept:
            both = list(dict.fromkeys([*self.rows[image], *kept]))
            self.problems.append(f'{where}: image {image} stands twice; it gets the labels of both')
            self.rows[image] = both
        elif image in self.rows:
            self.problems.append(f'{where}: image {image} stands twice, with the same labels')
        else:
            self.rows[image], self.places[image] = kept, where
            if not kept:
                self.problems.append(f'{where}: image {image} has no label')


def read_source(labels: str | Path, images: str | Path) -> Source:
    """Read labels of whatever kind.

    Args:
        labels: A CSV file (``image,labels``; the separator is found), COCO's JSON, a folder of
            VOC's XML files, or the folder of the images itself, where the first folder below it is
            the class.
        images: Folder of the images.

    Raises:
        FormatError: If it is none of these, or cannot be read at all, or there are no images.
    """
    path = Path(labels)
    if not Path(images).is_dir():
        raise FormatError(f'there is no folder {images} with images.')
    if path.is_dir():
        xml = sorted(path.glob('*.xml'))
        return _read_voc(xml, Path(images)) if xml else _read_folders(path, Path(images))
    if not path.is_file():
        raise FormatError(f'there is no file or folder {path} with labels.')
    return _read_coco(path) if path.suffix.lower() == '.json' else _read_table(path)


def _read_table(path: Path) -> Source:
    try:
        text = path.read_text(encoding='utf-8-sig')
    except UnicodeDecodeError as error:
        raise FormatError(f'{path} is not UTF-8 ({error}); save it as such.') from error
    lines = text.splitlines()
    if not lines:
        raise FormatError(f'{path} is empty; it needs the columns image and labels.')
    separator = max(SEPARATORS, key=lines[0].count)
    if not lines[0].count(separator):
        raise FormatError(
            f'{path}:1 has none of the separators , ; tab |, so there is one column: '
            f'{lines[0][:60]!r}; it needs the columns image and labels.'
        )
    reader = csv.reader(io.StringIO(text, newline=''), delimiter=separator)
    head = [cell.strip().lower() for cell in next(reader)]
    image, label = _column(head, _IMAGE_COLUMNS), _column(head, _LABEL_COLUMNS)
    if image is None or label is None:
        raise FormatError(f'{path}:1 needs the columns image and labels, but has {head}.')
    source = Source(f'table with {separator!r} between its columns')
    for cells in reader:
        where = f'{path}:{reader.line_num}'
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(head):
            source.problems.append(
                f'{where}: {len(cells)} fields where the first line has {len(head)}; several '
                'labels are separated by another sign than the columns. The row is left out'
            )
            continue
        source.add(cells[image], _labels_of(cells[label]), where)
    return source


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
        names = {c['id']: c['name'] for c in content['categories']}
        files = {i['id']: i['file_name'] for i in content['images']}
        labels: dict[str, list[str]] = {name: [] for name in files.values()}
        for position, item in enumerate(content['annotations']):
            where = f'{path}, annotation {position} (id {item.get("id")})'
            if item['category_id'] not in names or item['image_id'] not in files:
                source.problems.append(f'{where}: its category or image is none of the file')
                continue
            labels[files[item['image_id']]].append(names[item['category_id']])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatError(
            f'{path} is not a file of COCO instances ({type(error).__name__}: {error}); '
            'it needs images, annotations and categories.'
        ) from error
    for image, found in labels.items():
        source.add(image, found, f'{path}, image {image}')
    return source


def _read_voc(files: Sequence[Path], images: Path) -> Source:
    source, known = Source("VOC's XML files"), _by_stem(images)
    for path in files:
        try:
            root = ElementTree.parse(path).getroot()  # noqa: S314 - expat refuses bombs
        except (ElementTree.ParseError, OSError) as error:
            source.problems.append(f'{path}: no valid XML ({error}); the image is left out')
            continue
        named = (root.findtext('filename') or '').strip()
        image = known.get(Path(named).stem) or known.get(path.stem) or named or path.stem
        source.add(image, [node.text or '' for node in root.findall('object/name')], str(path))
    return source


def _by_stem(images: Path) -> Mapping[str, str]:
    return {p.stem: p.relative_to(images).as_posix() for p in find_images(images)}


def _read_folders(labels: Path, images: Path) -> Source:
    if labels.resolve() != images.resolve():
        raise FormatError(
            f'{labels} has no XML files; a folder of labels has them, or is that of the images '
            'with one folder a class.'
        )
    source = Source('one folder a class')
    for path in find_images(images):
        parts = path.relative_to(images).parts
        if len(parts) < 2:
            source.problems.append(f'{path}: lies beside the folders of the classes; left out')
        else:
            source.add('/'.join(parts), [parts[0].replace('_', ' ')], str(path))
    if not source.rows:
        raise FormatError(f'{images} has no folder with images, which would be a class each.')
    return source


def find_images(folder: str | Path) -> Iterator[Path]:
    """Yield the images below a folder, sorted; hidden ones are none."""
    folder = Path(folder)
    for path in sorted(folder.rglob('*')):
        hidden = any(part.startswith('.') for part in path.relative_to(folder).parts)
        if path.suffix.lower() in SUFFIXES and path.is_file() and not hidden:
            yield path
