"""Labels of COCO's JSON: instances, panoptic segments and keypoints."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.labels.json_stream import Entry
from qaclims_mm.exchange.labels.source import Source
from qaclims_mm.exchange.labels.values import text_of
from qaclims_mm.schemas.files import shown_json
from qaclims_mm.schemas.names import shown_text

PARTS = ('images', 'annotations', 'categories')
_WAY_OUT = 'export COCO instances, with boxes or masks, from the tool where you label'


class _Parts:
    """What a file says, before its parts are put together: any part may come first."""

    def __init__(self, path: Path, source: Source) -> None:
        self.path, self.source = path, source
        self.seen: set[str] = set()
        self.images: dict[str, str] = {}
        self.categories: dict[str, str] = {}
        # {(image, category): annotation that names them first}
        self.pairs: dict[tuple[str, str], str] = {}
        self.captions = False

    def leave_out(self, where: str, text: str) -> None:
        self.source.leave_out(f'{shown_text(self.path)}, {where}', f'{text}; left out')

    def add(self, entry: Entry) -> None:
        """Take an entry of the file."""
        key, position, value = entry
        if key not in PARTS or (position < 0 and not isinstance(value, list)):
            return
        self.seen.add(key)
        if position < 0:
            return
        if not isinstance(value, dict):
            self.leave_out(f'entry {position} of {key}', f'is {shown_json(value)}, not an object')
        elif key == 'annotations':
            self._add_annotation(position, value)
        else:
            kept = dict(images=self.images, categories=self.categories)[key]
            self._add_name(kept, entry, 'file_name' if key == 'images' else 'name')

    def _add_name(self, kept: dict[str, str], entry: Entry, name: str) -> None:
        """Keep the name of an image or of a category under its id."""
        value, where = entry.value, f'entry {entry.position} of {entry.key}'
        number, text = _id_of(value.get('id')), value.get(name)
        if not number or not isinstance(text, str):
            self.leave_out(where, f'needs id, a number or a text, and {name}, a text')
        elif kept.setdefault(number, text) != text:
            self.leave_out(where, f'has the id of another entry of {entry.key}')

    def _add_annotation(self, position: int, value: dict) -> None:
        """Keep the pairs of image and category of an annotation."""
        where = f'annotation {position} (id {shown_json(value.get("id"))})'
        image = _id_of(value.get('image_id'))
        self.captions |= 'caption' in value
        segments = value.get('segments_info')
        for part in segments if isinstance(segments, list) else [value]:
            category = _id_of(part.get('category_id')) if isinstance(part, dict) else ''
            if image and category:
                self.pairs.setdefault((image, category), where)
            elif 'caption' not in value:
                self.leave_out(where, 'its image_id or category_id is missing')


def _id_of(value: object) -> str:
    """Return an id as a text, since tools write 7, 7.0 and "7" for one; '' if it is none."""
    text = None if isinstance(value, bool) else text_of(value)
    return text.strip() if text else ''


def read_coco(path: Path, entries: Iterable[Entry]) -> Source:
    """Read the labels of COCO's JSON; boxes and polygons are not used.

    Args:
        path: The file, for messages.
        entries: What it holds.

    Raises:
        FormatError: If a part is missing, or the file is of another task.
    """
    file = shown_text(path)
    source = Source("COCO's JSON", unnamed='are not in its list of images')
    parts = _Parts(path, source)
    for entry in entries:
        parts.add(entry)
    if parts.captions and not parts.categories:
        raise FormatError(f'{file} holds captions of COCO, which are no labels; {_WAY_OUT}.')
    missing = [part for part in PARTS if part not in parts.seen]
    if missing:
        raise FormatError(
            f'{file} is not a file of COCO instances: it has no list of {missing[0]}; it needs '
            f'{", ".join(PARTS)}; {_WAY_OUT}.'
        )
    labels: dict[str, list[str]] = {number: [] for number in parts.images}
    for number, name in _known_pairs(parts):
        labels[number].append(name)
    for number, found in labels.items():
        image = parts.images[number]
        source.add(image, found, f'{file}, image {shown_text(image)}')
    source.check_labelled(path, _WAY_OUT)
    return source


def _known_pairs(parts: _Parts) -> Iterator[tuple[str, str]]:
    """Yield image and name of each pair whose image and category are in the file."""
    for (image, category), where in parts.pairs.items():
        if image not in parts.images or category not in parts.categories:
            parts.leave_out(where, 'its category or image is none of the file')
        else:
            yield image, parts.categories[category]
