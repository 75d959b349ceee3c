"""A folder of labels: the files in it say what it is."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.labels.folders import read_folders
from qaclims_mm.exchange.labels.hugging_face import is_metadata, read_metadata
from qaclims_mm.exchange.labels.json_exports import is_json_export
from qaclims_mm.exchange.labels.label_file import read_label_file, read_table_file
from qaclims_mm.exchange.labels.labelme import is_labelme, read_labelme
from qaclims_mm.exchange.labels.source import Source, some_of
from qaclims_mm.exchange.labels.voc import read_voc
from qaclims_mm.exchange.labels.xml_stream import root_of
from qaclims_mm.exchange.labels.yolo import is_names_file, is_yolo, read_yolo
from qaclims_mm.schemas.names import shown_text

_TABLES = ('.csv', '.tsv', '.jsonl', '.ndjson', '.parquet')
_SUFFIXES = (*_TABLES, '.xml', '.json', '.txt')
# files that are looked into to see of which tool they are
_TRIED = 20
Files = dict[str, list[Path]]
Readers = dict[str, Callable[[], Source]]


def read_label_folder(folder: Path, images: Path) -> Source:
    """Read a folder of labels, which may be that of the images.

    Args:
        folder: The folder.
        images: Folder of the images.

    Raises:
        FormatError: If nothing in it is of a known kind.
        ConfigError: If it is the folder of the images, and these do not lie in folders of classes.
    """
    files = _files_of(folder)
    readers = _readers(files, folder, images)
    if readers:
        (name, reader), *others = readers.items()
        source = reader()
        if others:
            source.notes.append(
                f'{shown_text(folder)} also has {" and ".join(other for other, _ in others)}; '
                f'labels were read from {name} alone'
            )
        return source
    if folder.resolve() == images.resolve():
        return read_folders(images)
    single = [path for suffix in (*_TABLES, '.json', '.xml') for path in files[suffix]]
    return read_label_file(_only(folder, single), images)


def _files_of(folder: Path) -> Files:
    """Return {suffix: files below a folder}; hidden ones are left out."""
    files: Files = {suffix: [] for suffix in _SUFFIXES}
    for path in sorted(folder.rglob('*')):
        hidden = any(part.startswith('.') for part in path.relative_to(folder).parts)
        if path.suffix.lower() in _SUFFIXES and not hidden and not path.is_dir():
            files[path.suffix.lower()].append(path)
    return files


def _readers(files: Files, folder: Path, images: Path) -> Readers:
    """Return {files of a tool: what reads them}, of the tools whose files are in the folder."""
    readers: Readers = {}
    if metadata := [path for suffix in _TABLES for path in files[suffix] if is_metadata(path)]:
        name = "metadata of Hugging Face's imagefolder"
        readers[name] = partial(read_metadata, metadata, images, read_table_file)
    readers |= _xml_readers(files['.xml'], folder, images)
    labelme = any(map(is_labelme, files['.json'][:_TRIED]))
    if labelme:
        readers["labelme's files"] = partial(read_labelme, files['.json'], folder, images)
    if any(map(is_yolo, files['.txt'])) or _are_empty(files['.txt']):
        readers["YOLO's files"] = partial(read_yolo, files['.txt'], folder, images)
    exports = [] if labelme else [path for path in files['.json'][:_TRIED] if is_json_export(path)]
    # YOLO's exports of Label Studio have notes in JSON
    if exports and not readers:
        readers['an export of JSON'] = partial(_read_only, folder, exports, images)
    return readers


def _are_empty(files: Sequence[Path]) -> bool:
    """Return whether files are YOLO's, with names of classes, of images without any object.

    Label Studio writes such for labels of whole images.
    """
    others = [path for path in files if not is_names_file(path)]
    return 0 < len(others) < len(files) and not any(path.stat().st_size for path in others)


def _xml_readers(files: Sequence[Path], folder: Path, images: Path) -> Readers:
    roots = {path: root_of(path) for path in files[:_TRIED]}
    readers: Readers = {}
    if 'annotation' in roots.values() or set(roots.values()) == {''}:
        readers["VOC's files"] = partial(read_voc, files, folder, images)
    if cvat := [path for path, root in roots.items() if root == 'annotations']:
        readers["CVAT's XML"] = partial(_read_only, folder, cvat, images)
    return readers


def _read_only(folder: Path, files: Sequence[Path], images: Path) -> Source:
    return read_label_file(_only(folder, files), images)


def _only(folder: Path, files: Sequence[Path]) -> Path:
    """Return the only one of some files.

    Raises:
        FormatError: If there are none, or several.
    """
    if not files:
        raise FormatError(
            f'{shown_text(folder)} has no files of labels: no table, no JSON, no XML files, and no '
            'text files of YOLO. Without such files it must be the folder of the images, with one '
            'folder a class.'
        )
    if len(files) > 1:
        names = some_of([shown_text(path.relative_to(folder).as_posix()) for path in files], 5)
        raise FormatError(
            f'{shown_text(folder)} has {len(files)} files of labels ({names}); give one of them.'
        )
    return files[0]
