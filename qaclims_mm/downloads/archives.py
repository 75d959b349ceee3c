"""Archives unpacked safely: nothing outside the folder, no links, whole or not at all."""

import os
import re
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from gzip import BadGzipFile
from pathlib import Path, PurePosixPath
from typing import IO

from qaclims_mm.errors import DownloadError, FormatError
from qaclims_mm.progress import track
from qaclims_mm.schemas import atomic_path, join_problems, shown_name
from qaclims_mm.schemas.names import shown_text

_CHUNK = 1 << 20
# stored, deflate, bzip2, LZMA: what zipfile can read
_COMPRESSIONS = (0, 8, 12, 14)


@dataclass(frozen=True)
class _Member:
    """A file of an archive.

    Attributes:
        name: As in the archive.
        size: In bytes, unpacked.
        problem: Why it must not be unpacked; '' if it may.
        open: Opens it for reading.
    """

    name: str
    size: int
    problem: str
    open: Callable[[], IO[bytes] | None]


def unpack(archive: Path, folder: str, to: Path) -> None:
    """Make a folder of an archive a folder of the disk.

    Files are unpacked beside ``to`` and moved there when all are. What is at ``to`` already stays
    as it is. Files that an interrupted call has unpacked are used.

    Args:
        archive: A tar file, compressed or not, or a zip file.
        folder: The folder in it, POSIX; '' for all of it. Other files are left out.
        to: The folder that it becomes.

    Raises:
        FormatError: If the archive is broken, has no such folder, or holds anything but files and
            folders below its own top.
        DownloadError: If the disk is too small.
    """
    to = to.resolve()
    temporary = _temporary(to)
    with _opened(archive) as members:
        bad = [f'{shown_name(m.name)}: {m.problem}' for m in members if m.problem]
        if bad:
            raise FormatError(
                join_problems(bad, 'member', f'are unsafe in {archive}', 3)
                + '\nNothing was unpacked; fetch the archive from its own page.'
            )
        wanted = {p: m for m in members if (p := _below(m.name, folder))}
        if not wanted:
            raise FormatError(f'{archive} has no files in {folder or "it"}; fetch it again.')
        todo = {temporary / p: m for p, m in wanted.items() if not _is_there(p, m, temporary, to)}
        _check_disk(sum(m.size for m in todo.values()), to)
        for path, member in track(todo.items(), f'unpacking {archive.name}', len(todo)):
            _write(path, member, archive)
    # of a process that was killed
    for rest in temporary.rglob('.*.tmp'):
        rest.unlink()
    if temporary.exists():
        _merge(temporary, to)


def is_half_unpacked(to: Path) -> bool:
    """Return whether ``unpack`` was interrupted before all files were in their place."""
    return _temporary(to.resolve()).exists()


def _temporary(to: Path) -> Path:
    return to.with_name(f'.{to.name}.unpacking')


@contextmanager
def _opened(archive: Path) -> Iterator[list[_Member]]:
    """Give the members of an archive; folders are left out.

    Raises:
        FormatError: If it is broken.
    """
    with archive.open('rb') as file:
        is_zip = zipfile.is_zipfile(file)
    with ExitStack() as stack:
        try:
            if is_zip:
                members = list(_of_zip(stack.enter_context(zipfile.ZipFile(archive))))
            else:
                members = list(_of_tar(stack.enter_context(tarfile.open(archive))))
        except Exception as error:
            raise _damaged(archive, error) from error
        yield members


def _damaged(archive: Path, error: Exception) -> Exception:
    """Return what to raise where reading has raised, which of broken files may be anything."""
    if isinstance(error, OSError) and not isinstance(error, BadGzipFile):
        return error
    reason = shown_text(str(error) or type(error).__name__)
    return FormatError(
        f'{archive} is damaged or no archive ({reason}); delete it, and give the command again.'
    )


def _of_zip(archive: zipfile.ZipFile) -> Iterator[_Member]:
    for info in archive.infolist():
        # the kind of a file of Unix, 0 where the archive was made elsewhere
        kind = info.external_attr >> 28
        readable = info.compress_type in _COMPRESSIONS and not info.flag_bits & 1
        problem = (
            _problem_of(info.filename)
            or ('' if kind in (0, 4, 8) else 'it is a link or a device')
            or ('' if readable else 'it is encrypted or compressed in an unknown way')
        )
        if problem or not info.is_dir():
            size = info.file_size
            yield _Member(info.filename, size, problem, lambda i=info: archive.open(i))  # type: ignore[misc]


def _of_tar(archive: tarfile.TarFile) -> Iterator[_Member]:
    for info in archive:
        kind = '' if info.isreg() or info.isdir() else 'it is a link or a device'
        problem = _problem_of(info.name) or kind
        if problem or not info.isdir():
            yield _Member(info.name, info.size, problem, lambda i=info: archive.extractfile(i))  # type: ignore[misc]
    # a compressed one has its checksum at its end, behind the last member
    while archive.fileobj is not None and archive.fileobj.read(_CHUNK):
        pass


def _problem_of(name: str) -> str:
    """Explain why a name may not be unpacked, or return ''."""
    if name.startswith(('/', '\\')) or re.match('[A-Za-z]:', name):
        return 'it is absolute'
    if '..' in re.split(r'[/\\]', name):
        return 'it leads out of the folder'
    return 'it has a control character' if re.search(r'[\x00-\x1f]', name) else ''


def _below(name: str, folder: str) -> str:
    """Return a name seen from a folder, '' if it is not below it."""
    path = PurePosixPath(name)
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else ''


def _is_there(name: str, member: _Member, *folders: Path) -> bool:
    """Tell whether a file has been unpacked into one of the folders: files appear whole."""
    return any(
        (path := folder / name).is_file() and path.stat().st_size == member.size
        for folder in folders
    )


def _check_disk(needed: int, to: Path) -> None:
    place = next(p for p in to.parents if p.exists())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise DownloadError(
            f'{to} needs {needed / 1e9:.1f} GB more, but its disk has {free / 1e9:.1f} GB free; '
            'make room, or make it a link to a folder of another disk.'
        )


def _write(path: Path, member: _Member, archive: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary, temporary.open('wb') as target:
        for chunk in _chunks(member, archive):
            target.write(chunk)


def _chunks(member: _Member, archive: Path) -> Iterator[bytes]:
    """Yield the content of a member; checksums of the archive are checked on the way.

    Raises:
        FormatError: If it is broken.
    """
    left = member.size
    try:
        source = member.open()
        if source is None:
            raise EOFError(f'{member.name} has no content')
        with source:
            while chunk := source.read(_CHUNK):
                left -= len(chunk)
                yield chunk
        if left:
            raise EOFError(f'{member.name} has another size')
    except Exception as error:
        raise _damaged(archive, error) from error


def _merge(source: Path, target: Path) -> None:
    """Move a folder to where another one may be, whose files stay."""
    if not target.exists():
        os.replace(source, target)
    elif source.is_dir() and target.is_dir():
        _merge_all(source.iterdir(), target)
        source.rmdir()
    elif source.is_dir():
        raise FormatError(f'{target} is a file where a folder must be; move it away.')
    else:
        source.unlink()


def _merge_all(sources: Iterable[Path], target: Path) -> None:
    for source in sorted(sources):
        _merge(source, target / source.name)
