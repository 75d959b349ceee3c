"""Checksums of downloaded files: those that are known, and those that were seen before."""

from pathlib import Path

from qaclims_mm.errors import DownloadError
from qaclims_mm.schemas import atomic_path, hash_file


def note_of(path: Path) -> Path:
    """Return the file that holds a file's checksum, which ``sha256sum -c`` reads, too."""
    return path.with_name(f'{path.name}.sha256')


def check_part(part: Path, path: Path, sha256: str) -> None:
    """Refuse a file that was fetched and has another checksum; else note its checksum.

    Args:
        part: The file.
        path: Where it will be.
        sha256: What its checksum begins with; '' if that is unknown. Then it must be the one that
            was noted for an earlier file at ``path``, if there is one.

    Raises:
        DownloadError: If it has.
    """
    found, noted = hash_file(part), _read_note(note_of(path))
    if not found.startswith(sha256):
        raise DownloadError(
            f'it has the sha256 {found}, not {sha256}: it is another file, or was changed on its '
            'way'
        )
    if not sha256 and noted not in ('', found):
        raise DownloadError(
            f'it has the sha256 {found}, but {note_of(path)} has {noted} of an earlier download; '
            'delete that note if the change is meant'
        )
    _write_note(path, found)


def check_file(path: Path, sha256: str, size: int | None = None) -> None:
    """Check a file and note its checksum beside it; a file that was checked is not read again.

    Args:
        path: The file.
        sha256: What its checksum begins with; '' if that is unknown. Then it must be the one that
            was noted before, if there is one.
        size: Its size in bytes, if that is known.

    Raises:
        DownloadError: If it is not the file.
    """
    if why := explain_size(path, size):
        raise DownloadError(why)
    note = note_of(path)
    noted = _read_note(note)
    wanted = sha256 or noted
    if noted.startswith(sha256) and noted and _is_newer(note, path):
        return
    found = hash_file(path)
    if not found.startswith(wanted):
        known = 'its known one' if sha256 else f'the one that was noted in {note}'
        raise DownloadError(
            f'{path} has the sha256 {found}, but {known} is {wanted}. Delete it, and give the '
            'command again' + ('.' if sha256 else ', or delete the note if the change is meant.')
        )
    _write_note(path, found)


def explain_size(path: Path, size: int | None) -> str:
    """Return why a file that is there has the wrong size, and what to do; '' if it has not."""
    found = path.stat().st_size
    if size is None or found == size:
        return ''
    return f'{path} has {found} bytes, not {size}; delete it, and give the command again.'


def _write_note(path: Path, sha256: str) -> None:
    with atomic_path(note_of(path)) as temporary:
        temporary.write_text(f'{sha256}  {path.name}\n', encoding='utf-8')


def _read_note(note: Path) -> str:
    """Return a checksum that was noted, '' if there is none."""
    try:
        word, *_ = note.read_text(encoding='utf-8').split()
    except (OSError, ValueError):
        return ''
    is_one = len(word) == 64 and set(word) <= set('0123456789abcdef')
    return word if is_one else ''


def _is_newer(note: Path, path: Path) -> bool:
    return note.stat().st_mtime_ns >= path.stat().st_mtime_ns
