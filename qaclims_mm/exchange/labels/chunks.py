"""The bytes of a file, a megabyte at a time, with a bar for a long one."""

from collections.abc import Generator
from pathlib import Path

from qaclims_mm.progress import track

CHUNK = 1 << 20
# a file that takes longer than a second or two
_LONG = 20 * CHUNK


def read_chunks(path: Path) -> Generator[bytes]:
    """Yield the bytes of a file in chunks of a megabyte, none of them empty.

    Args:
        path: The file.

    Raises:
        OSError: If it cannot be read.
    """
    size = path.stat().st_size
    with path.open('rb') as file:
        chunks = iter(lambda: file.read(CHUNK), b'')
        if size > _LONG:
            yield from track(chunks, 'reading megabytes', -(-size // CHUNK))
        else:
            yield from chunks
