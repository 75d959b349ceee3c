"""Labels of YOLO's text files, one for each image, and the names of their classes."""

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import yaml

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.labels.image_folder import ImageFolder, ImageNameError
from qaclims_mm.exchange.labels.own_files import image_of_file
from qaclims_mm.exchange.labels.source import Source
from qaclims_mm.exchange.labels.values import text_of
from qaclims_mm.progress import track
from qaclims_mm.schemas.files import check_regular
from qaclims_mm.schemas.names import BLANKS, counted, shown_text

# in the order in which they are believed
_NAMES = ('data.yaml', 'classes.txt', 'obj.names')
_LABELS, _IMAGES = 'labels', 'images'
_LISTS, _YAML = ('.txt', '.names'), ('.yaml', '.yml')
# a list of names is short; a larger file is something else
_LARGEST = 1 << 20
_WAY_OUT = 'draw boxes or polygons and export again (of labels of whole images, export JSON or CSV)'


def is_names_file(path: Path) -> bool:
    """Return whether a file is called as those with the names of classes are."""
    return path.name in _NAMES or path.suffix.lower() in ('.names', *_YAML)


def is_yolo(path: Path) -> bool:
    """Return whether the first line of a file is an object of YOLO's."""
    try:
        check_regular(path)
        with path.open('rb') as file:
            line = file.readline(_LARGEST)
    except OSError:
        return False
    except FormatError:
        return False
    return _class_of(line.decode('utf-8-sig', 'replace')) is not None


def read_yolo(files: Sequence[Path], root: Path, images: Path) -> Source:
    """Read the classes of YOLO's boxes, polygons and key points, which are not used themselves.

    Args:
        files: The text files. Those of other texts are passed over.
        root: Their folder, of which some may be below.
        images: Folder of the images.

    Raises:
        FormatError: If the names of the classes are missing, or no file has a label.
    """
    found, names = _find_names(root, files)
    source = Source(f"YOLO's files with the names of {shown_text(found)}", unnamed='have no file')
    folder = ImageFolder(images)
    for path in track(files, "reading YOLO's files", len(files)):
        if path.name in _NAMES:
            continue
        try:
            check_regular(path)
            lines = path.read_text(encoding='utf-8-sig').splitlines()
        except (OSError, ValueError) as error:
            text = f'is no file of YOLO ({error}); left out'
            source.leave_out(shown_text(path), text, 'is no file of YOLO')
            continue
        # lists of images (train.txt) and descriptions lie beside the labels
        if any(line.strip() for line in lines) and not any(map(_is_object, lines)):
            continue
        labels = list(_labels_of(source, path, lines, names))
        source.add(_image_of(source, folder, path, root), labels, shown_text(path))
    source.check_labelled(root, _WAY_OUT)
    return source


def _image_of(source: Source, folder: ImageFolder, path: Path, root: Path) -> str:
    """Return the image of a file: by YOLO's rule ``labels/a.txt`` is of ``images/a.jpg``."""
    parts = path.absolute().with_suffix('').parts
    if _LABELS in parts:
        place = len(parts) - 1 - parts[::-1].index(_LABELS)
        with contextlib.suppress(ImageNameError):
            found = folder.find(str(Path(*parts[:place], _IMAGES, *parts[place + 1 :])))
            if found.exact:
                return found.name
    own = root / _LABELS
    return image_of_file(source, folder, path, own if path.is_relative_to(own) else root)


def _is_object(line: str) -> bool:
    return _class_of(line) is not None


def _class_of(line: str) -> int | None:
    """Return the class of a line: a number and at least four coordinates; ``None`` for others."""
    try:
        number, *places = map(float, line.split())
    except ValueError:
        return None
    fits = len(places) >= 4 and all(map(math.isfinite, (number, *places)))
    return int(number) if fits and number.is_integer() and number >= 0 else None


def _labels_of(
    source: Source, path: Path, lines: Sequence[str], names: Mapping[int, str]
) -> Iterator[str]:
    """Yield the name of each object of a file."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where, index = f'{shown_text(path)}:{number}', _class_of(line)
        if index is None:
            source.leave_out(where, 'is no line "class x y w h" of numbers; left out')
        elif index not in names:
            text = f'class {index} is none of the {counted(len(names), "name")}; left out'
            source.leave_out(where, text, 'class without a name')
        else:
            yield names[index]


def _find_names(root: Path, files: Sequence[Path]) -> tuple[Path, dict[int, str]]:
    """Return the file of the names, and {number: name}.

    It lies beside the files of labels, or up to two folders above the folder that is given.

    Raises:
        FormatError: If there is none.
    """
    own = {path.parent for path in files}
    folders = [root, root.absolute().parent, root.absolute().parent.parent, *sorted(own - {root})]
    for folder in folders:
        others = [path for path in sorted(folder.glob('*')) if path.suffix in ('.names', *_YAML)]
        for path in (*(folder / name for name in _NAMES), *others):
            if path.is_file() and (names := _read_names(path)):
                return path, names
    raise FormatError(
        f"{shown_text(root)} has YOLO's files, but the names of their classes are missing; put "
        'classes.txt (a name a line), obj.names or data.yaml there.'
    )


def _read_names(path: Path) -> dict[int, str]:
    """Return {number: name} of a file; empty if it has none.

    Raises:
        FormatError: If it is broken.
    """
    try:
        with path.open('rb') as file:
            text = file.read(_LARGEST).decode('utf-8-sig')
        if path.suffix.lower() in _LISTS:
            # an empty line between names has a number too
            lines = text.rstrip().splitlines()
            return {k: name for k, line in enumerate(lines) if (name := line.strip(BLANKS))}
        return _names_of_yaml(text)
    except (RecursionError, ValueError, yaml.YAMLError) as error:
        raise FormatError(
            f'{shown_text(path)} holds no names of classes ({shown_text(str(error))}); correct it.'
        ) from error


def _names_of_yaml(text: str) -> dict[int, str]:
    # all scalars stay texts: a class may be called "no", "null" or "1e3"
    content = yaml.load(text, Loader=yaml.BaseLoader)
    names = content.get('names') if isinstance(content, dict) else None
    listed = enumerate(names) if isinstance(names, list) else ()
    pairs = names.items() if isinstance(names, dict) else listed
    return {int(k): name for k, v in pairs if (name := text_of(v)) is not None}
