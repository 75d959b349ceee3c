"""Labels of VOC's XML files, one for each image."""

from collections.abc import Sequence
from pathlib import Path

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.labels.image_folder import ImageFolder
from qaclims_mm.exchange.labels.own_files import image_of_file
from qaclims_mm.exchange.labels.source import Source
from qaclims_mm.exchange.labels.xml_stream import read_elements
from qaclims_mm.progress import track
from qaclims_mm.schemas.names import BLANKS, shown_text

_WAY_OUT = 'draw boxes and save again, or give a table of images and labels'


def read_voc(files: Sequence[Path], root: Path, images: Path) -> Source:
    """Read the labels of VOC's XML files; boxes are not used.

    Args:
        files: The files.
        root: Their folder, of which some may be below.
        images: Folder of the images.

    Raises:
        FormatError: If no file has a label.
    """
    source, folder = Source("VOC's XML files", unnamed='have no file'), ImageFolder(images)
    for path in track(files, "reading VOC's files", len(files)):
        try:
            elements = list(read_elements(path))
        except FormatError as error:
            reason = str(error).removeprefix(f'{shown_text(path)}: ')
            source.leave_out(shown_text(path), f'{reason}; the image is left out', 'no valid XML')
            continue
        named = next((e.text or '' for e in elements if e.tag == 'filename'), '').strip(BLANKS)
        labels = [e.findtext('name') or '' for e in elements if e.tag == 'object']
        image = image_of_file(source, folder, path, root, named)
        source.add(image, labels, shown_text(path))
    source.check_labelled(root, _WAY_OUT)
    return source
