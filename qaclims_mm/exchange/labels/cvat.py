"""Labels of CVAT's XML "for images": tags, boxes, polygons and masks."""

from collections.abc import Iterable
from pathlib import Path
from xml.etree.ElementTree import Element

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.labels.source import Source
from qaclims_mm.schemas.names import shown_text

_FOR_IMAGES = 'choose Actions > Export task dataset > "CVAT for images 1.1"'
_WAY_OUT = f'add tags or shapes in CVAT, save, and {_FOR_IMAGES}'


def read_cvat(path: Path, elements: Iterable[Element]) -> Source:
    """Read the labels of CVAT's XML; shapes are not used.

    Args:
        path: The file, for messages.
        elements: The children of its root.

    Raises:
        FormatError: If it is "CVAT for video", or no image has a label.
    """
    file = shown_text(path)
    source = Source("CVAT's XML", unnamed='are not in its list of images')
    for element in elements:
        if element.tag == 'track':
            raise FormatError(
                f'{file} is "CVAT for video", which has tracks, but no images; {_FOR_IMAGES}.'
            )
        if element.tag != 'image':
            continue
        name = element.get('name') or ''
        where = f'{file}, image {shown_text(name or element.get("id") or "")}'
        # labels of a skeleton's points lie deeper
        source.add(name, [label for child in element if (label := child.get('label'))], where)
    source.check_labelled(path, _WAY_OUT)
    return source
