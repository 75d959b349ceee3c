"""Labels in annotation files: COCO's JSON and VOC's XML."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.labels.source import Source
from qaclims_mm.schemas.files import check_regular, shown_json
from qaclims_mm.schemas.images import find_images
from qaclims_mm.schemas.names import BLANKS, shown_text

_ENCODING = re.compile(rb"""<\?xml[^>]*?encoding\s*=\s*(["'])([A-Za-z][\w.-]{0,40})\1""")
# {part of COCO's JSON: {what its entries need: of which type}}
_COCO_PARTS: dict[str, dict[str, tuple[type, ...]]] = {
    'images': dict(id=(int, str), file_name=(str,)),
    'categories': dict(id=(int, str), name=(str,)),
    'annotations': dict(image_id=(int, str), category_id=(int, str)),
}


def read_coco(path: Path) -> Source:
    """Read the labels of COCO's JSON; boxes and polygons are not used.

    Raises:
        FormatError: If it is no such JSON.
    """
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


def read_voc(files: Sequence[Path], images: Path) -> Source:
    """Read the labels of VOC's XML files; boxes are not used."""
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
