"""Labels of Hugging Face's imagefolder: ``metadata.csv``, ``.jsonl`` or ``.parquet``."""

from collections.abc import Callable, Sequence
from pathlib import Path

from qaclims_mm.exchange.labels.source import Source

_NAMES = ('metadata.csv', 'metadata.jsonl', 'metadata.parquet')


def is_metadata(path: Path) -> bool:
    """Return whether a file is called as metadata are."""
    return path.name in _NAMES


def read_metadata(files: Sequence[Path], images: Path, read: Callable[[Path], Source]) -> Source:
    """Read metadata, each of the images in its own folder.

    Args:
        files: The files.
        images: Folder of the images.
        read: Reads a table of any kind.

    Raises:
        FormatError: If one is no table, or lacks a column.
    """
    sources = [(path, read(path)) for path in files]
    joined = Source(f"Hugging Face's imagefolder ({sources[0][1].kind})")
    for path, source in sources:
        own, root = path.parent.resolve(), images.resolve()
        folder = own.relative_to(root).as_posix() if own.is_relative_to(root) else ''
        joined.take(source, '' if folder == '.' else folder)
    return joined
