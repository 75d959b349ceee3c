"""Files that appear whole or not at all, their ids, JSON and metrics."""

import contextlib
import errno
import hashlib
import json
import os
import platform
import shutil
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas.names import counted, problem_of_image_id, shown_name, shown_text

METRICS = 'metrics.json'
MAX_FLOAT = int(sys.float_info.max)
_HOST = os.fsencode(platform.node())
# what a file system without hard links says
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


def join_problems(problems: Sequence[str], noun: str, said: str, shown: int = 10) -> str:
    """Return one message that counts all problems, see ``counted``, and shows the first ones."""
    more = f'\n  ... and {len(problems) - shown} more' if len(problems) > shown else ''
    return f'{counted(len(problems), noun, said)}:\n  ' + '\n  '.join(problems[:shown]) + more


def temporary_path(path: str | Path) -> Path:
    """Return a hidden name beside ``path`` for what is renamed to it; ``.*.tmp`` finds leftovers.

    It is short, since a file's own name may already be as long as the file system allows. It is
    that of this process alone, also where several machines share the folder.
    """
    path = Path(path)
    name = hashlib.sha256(_HOST + b'/' + os.fsencode(path.name)).hexdigest()[:16]
    return path.with_name(f'.{name}.{os.getpid()}.tmp')


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` and rename it when the block ends well; else remove it.

    Raises:
        OSError: If the file cannot be written (disk full, no permission), with the name of the
            file; nothing is left behind.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_path(path)
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        # a write that fails names no file; nobody knows the temporary one
        if error.errno is not None and error.filename in (None, str(temporary)):
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_files(folder: str | Path) -> Iterator[Path]:
    """Give a temporary folder in ``folder``, and move its files there when the block ends well.

    Each file appears whole or not at all, and other files of the folder stay. This is for libraries
    that choose the names of the files that they write.

    Raises:
        OSError: If a file cannot be written; no temporary file is left behind.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    temporary = temporary_path(folder / 'files')
    # a process of the same number may have been killed here
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        for path in sorted(p for p in temporary.rglob('*') if p.is_file()):
            target = folder / path.relative_to(temporary)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def image_id_of(path: str | Path, root: str | Path) -> str:
    """Return the id of an image: its path under ``root``, POSIX, without the suffix."""
    return Path(path).relative_to(root).with_suffix('').as_posix()


def file_of(root: str | Path, image_id: str, suffix: str) -> Path:
    """Return the file of an image below ``root``; a dot inside the id is kept.

    Raises:
        ValueError: If the id is no path below ``root``; see ``names.problem_of_image_id``.
    """
    if problem := problem_of_image_id(image_id):
        raise ValueError(
            f'image_id must be a path below its folder, but got {shown_name(image_id)}: {problem}.'
        )
    return Path(root) / f'{image_id}{suffix}'


def hash_file(path: str | Path) -> str:
    """Return the sha256 of a file."""
    with Path(path).open('rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()


def problem_of_file(path: str | Path) -> str:
    """Explain why a path is no file that can be read to its end, or return ''.

    A link counts as what it leads to. Opening a pipe or a device would wait for ever.

    Args:
        path: The path; nothing is opened.
    """
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return 'is a link that leads nowhere' if os.path.islink(path) else 'is missing'
    except (OSError, ValueError) as error:
        return f'cannot be read ({getattr(error, "strerror", None) or error})'
    if stat.S_ISREG(mode):
        return ''
    return 'is a folder, not a file' if stat.S_ISDIR(mode) else 'is not a regular file'


def check_regular(path: str | Path, fix: str = 'delete it and run its stage again') -> None:
    """Refuse what is no regular file before it is opened.

    Args:
        path: The path.
        fix: What to do, the end of the message.

    Raises:
        FileNotFoundError: If it is missing.
        FormatError: If it is a folder, a pipe or a device.
    """
    problem = problem_of_file(path)
    if problem == 'is missing':
        os.stat(path)
    if problem:
        raise FormatError(f'{shown_text(path)} {problem}; {fix}.')


def json_bytes(value: object) -> bytes:
    """Return what ``write_json`` writes."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + '\n'
    # half of a surrogate pair becomes its JSON escape
    return text.encode('utf-8', 'backslashreplace')


def write_json(path: str | Path, value: object) -> None:
    """Write sorted, indented JSON in UTF-8."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(json_bytes(value))


def create_json(path: str | Path, value: object) -> bool:
    """Write JSON as ``write_json`` does, unless the file is there: the first process wins.

    A file system without hard links cannot tell which is first; there the last one wins.

    Returns:
        Whether this process has written the file.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_path(path)
    try:
        temporary.write_bytes(json_bytes(value))
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return True


def read_json(path: str | Path, fix: str = 'delete it and run its stage again') -> Any:
    """Read JSON.

    Args:
        path: The file.
        fix: What to do if it is broken, the end of the message.

    Raises:
        FormatError: If it is not JSON, or no regular file.
    """
    check_regular(path, fix)
    try:
        return json.loads(Path(path).read_text(encoding='utf-8'))
    except RecursionError:
        raise FormatError(f'{shown_text(path)} is nested too deeply; {fix}.') from None
    except ValueError as error:
        raise FormatError(f'{shown_text(path)} is not valid JSON ({error}); {fix}.') from error


def shown_json(value: object) -> str:
    """Return a value of JSON as messages show it: short ones as they are, else their kind."""
    if isinstance(value, (dict, list)):
        return f'a {type(value).__name__}'
    # True, None and numbers; Python reads none of more than 4,300 digits
    return shown_name(value) if isinstance(value, str) else str(value)[:20]


def is_number(value: object) -> bool:
    """Return whether a value is a number that a float can hold; NaN and infinity are."""
    if type(value) is int:
        # of 310 digits float() fails
        return abs(value) <= MAX_FLOAT
    return type(value) is float


def is_table(value: object, kind: type | tuple[type, ...]) -> bool:
    """Return whether a value is a dict from strings to a kind."""
    return isinstance(value, dict) and all(
        isinstance(k, str) and isinstance(v, kind) for k, v in value.items()
    )


def update_metrics(path: str | Path, stage: str, values: Mapping[str, float]) -> None:
    """Set one stage of ``metrics.json``, {stage: {metric: value}}; the others stay."""
    metrics = read_metrics(path) if Path(path).exists() else {}
    metrics[stage] = dict(values)
    write_json(path, metrics)


def read_metrics(path: str | Path) -> dict[str, dict[str, float]]:
    """Read ``metrics.json``.

    Raises:
        FormatError: If it is not {stage: {metric: number}}.
    """
    metrics = read_json(path)
    if not (
        is_table(metrics, dict)
        and all(is_table(v, object) and all(map(is_number, v.values())) for v in metrics.values())
    ):
        raise FormatError(
            f'{path} is not {{stage: {{metric: number}}}}; delete it and run the test again.'
        )
    return metrics
