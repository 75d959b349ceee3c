"""Image-level labels on disk: a table of images and class names, or COCO's instances."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas.files import atomic_path, join_problems, problem_of_file
from qaclims_mm.schemas.names import BLANKS, shown_name

COLUMNS = ('image', 'labels')
# columns of another table that a message names
SHOWN = 5


def read_labels(path: str | Path) -> dict[str, list[str]]:
    """Read a CSV with the columns ``image`` and ``labels`` (separated by ``;``, may be empty).

    A label with a ``;`` or a quotation mark of its own stands in quotation marks, as in any CSV.

    Returns:
        {image: class names}, in the order of the file.

    Raises:
        FormatError: If it is missing, no CSV, has other columns or an image twice.
    """
    path = Path(path)
    if problem := problem_of_file(path):
        raise FormatError(f'{path} {problem}; it needs the columns image and labels.')
    labels: dict[str, list[str]] = {}
    try:
        with path.open(newline='', encoding='utf-8-sig') as file:
            reader = csv.DictReader(file)
            try:
                if not set(COLUMNS) <= set(reader.fieldnames or ()):
                    found = ', '.join(map(shown_name, (reader.fieldnames or ())[:SHOWN]))
                    raise FormatError(
                        f'{path}:1 must have the columns image and labels, but got '
                        f'{found or "none"}.'
                    )
                for row in reader:
                    _add_row(labels, row, f'{path}:{reader.line_num}')
            except csv.Error as error:
                where = f'{path}:{reader.reader.line_num}'
                raise FormatError(
                    f'{where}: {error}; correct this row: its cells must be short, of one line.'
                ) from error
    except UnicodeDecodeError as error:
        raise FormatError(f'{path} is not UTF-8 ({error}); save it as such.') from error
    return labels


def _add_row(labels: dict[str, list[str]], row: dict[Any, Any], where: str) -> None:
    image = (row['image'] or '').strip(BLANKS)
    if None in row or row['labels'] is None:
        raise FormatError(
            f'{where}: a row must have as many fields as the first line; several labels are '
            'separated by ;'
        )
    if not image or image in labels:
        raise FormatError(
            f'{where}: image {shown_name(image)} stands twice.' if image else f'{where}: no image.'
        )
    cells = next(csv.reader([row['labels']], delimiter=';'), [])
    labels[image] = [name.strip(BLANKS) for name in cells if name.strip(BLANKS)]


def labels_bytes(labels: Mapping[str, Iterable[str]]) -> bytes:
    """Return a file that ``read_labels`` reads."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator='\n')
    writer.writerow(COLUMNS)
    writer.writerows((image, _cell(names)) for image, names in labels.items())
    return file.getvalue().encode()


def write_labels(path: str | Path, labels: Mapping[str, Iterable[str]]) -> None:
    """Write what ``read_labels`` reads."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(labels_bytes(labels))


def _cell(names: Iterable[str]) -> str:
    """Return labels as one cell, itself a row of a CSV."""
    cell = io.StringIO()
    csv.writer(cell, delimiter=';', lineterminator='').writerow(list(names))
    return cell.getvalue()


class Instances(NamedTuple):
    """COCO's instances: the images by their number, the objects of each, and what they may be.

    Attributes:
        images: {id: image}, with ``file_name``, ``height`` and ``width``.
        objects: {id: objects of the image, in the order of the file}, with ``category_id``,
            ``segmentation`` and ``iscrowd``; of every image.
        categories: {category id: name}.
    """

    images: dict[int, dict[str, Any]]
    objects: dict[int, list[dict[str, Any]]]
    categories: dict[int, str]

    def labels(self) -> dict[str, list[str]]:
        """Return {file name without suffix: names of the categories in it}; crowds count."""
        return {
            Path(image['file_name']).stem: list(
                dict.fromkeys(self.categories[o['category_id']] for o in self.objects[number])
            )
            for number, image in sorted(self.images.items(), key=lambda i: i[1]['file_name'])
        }


def read_instances(path: str | Path) -> Instances:
    """Read COCO's ``instances_*.json``.

    Raises:
        FormatError: If it is missing, no JSON, lacks a part, has an image twice, or an object whose
            category or image is none of the file's.
    """
    path = Path(path)
    if problem := problem_of_file(path):
        raise FormatError(
            f'{path} {problem}; unpack annotations_trainval2014.zip of cocodataset.org there.'
        )
    try:
        content = json.loads(path.read_bytes())
        categories = {c['id']: _text(c, 'name') for c in content['categories']}
        images = {i['id']: i for i in content['images']}
        names = [_text(i, 'file_name') for i in content['images']]
        objects: dict[int, list[dict[str, Any]]] = {number: [] for number in images}
        problems = _doubles(content['images'], names)
        for position, item in enumerate(content['annotations']):
            where = f'annotation {position} (id {item.get("id")})'
            if item['category_id'] not in categories:
                problems.append(f'{where} has category_id {item["category_id"]}')
            if item['image_id'] not in images:
                problems.append(f'{where} has image_id {item["image_id"]}')
            else:
                objects[item['image_id']].append(item)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FormatError(
            f'{path} is not a file of COCO instances ({type(error).__name__}: {error}); '
            'it needs images, annotations and categories.'
        ) from error
    if problems:
        raise FormatError(join_problems(problems, 'entry', f'are unknown or double in {path}'))
    return Instances(images, objects, categories)


def _text(entry: Mapping[str, Any], key: str) -> str:
    """Return a text of an entry.

    Raises:
        TypeError: If it is none.
    """
    if not isinstance(entry[key], str):
        raise TypeError(f'{key} is {str(entry[key])[:40]}')
    return entry[key]


def _doubles(images: list[dict[str, Any]], names: list[str]) -> list[str]:
    """Name the images whose number or file stands twice."""
    problems = []
    for key, values in (('id', [i['id'] for i in images]), ('file_name', names)):
        seen: set[Any] = set()
        for value in values:
            if value in seen:
                problems.append(f'image with {key} {value}')
            seen.add(value)
    return problems
