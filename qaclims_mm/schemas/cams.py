"""Activation maps of an image: ``cams/<image_id>.npz``."""

import math
import os
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas.files import atomic_path, check_regular

# What numpy raises for an archive that was cut, overwritten or made by something else.
BROKEN_NPZ = (
    KeyError,
    ValueError,
    OSError,
    EOFError,
    RuntimeError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)
# deflate makes nothing smaller than by this factor
_MOST_DEFLATED = 1032
# bytes that are read at once where nobody needs them
_PIECE = 2**20
# a mask has it as 65535
_LAST_CLASS = 65534


class Cams(NamedTuple):
    """Maps of n classes: ``strided`` (n, h, w) and ``high_res`` (n, H, W), in [0, 1]."""

    class_indices: np.ndarray
    strided: np.ndarray
    high_res: np.ndarray
    size: tuple[int, int]


def strided_size(height: int, width: int, stride: int = 4) -> tuple[int, int]:
    """Return the size of a strided map: ceil(H / stride), ceil(W / stride)."""
    return -(-height // stride), -(-width // stride)


def write_cams(
    path: str | Path, class_indices: np.ndarray, strided: np.ndarray, high_res: np.ndarray
) -> None:
    """Write ``cams/<image_id>.npz``: floor(255 ``high_res`` + 0.5) and float16 ``strided``.

    Args:
        path: The file.
        class_indices: Class indices without the background, ``(n,)``; n may be 0.
        strided: Maps in [0, 1], ``(n, ceil(H/4), ceil(W/4))``.
        high_res: Maps in [0, 1], ``(n, H, W)``; H and W count even when n is 0.

    Raises:
        ValueError: If shapes disagree or a value is outside [0, 1].
    """
    class_indices = np.asarray(class_indices, dtype=np.int64).reshape(-1)
    height, width = high_res.shape[-2:]
    if not _fit(len(class_indices), (height, width), strided, high_res):
        raise ValueError(
            'maps must be (n, ceil(H/4), ceil(W/4)) and (n, H, W) for '
            f'n = {len(class_indices)}, the number of classes, but got strided '
            f'{strided.shape} and high_res {high_res.shape} for {path}.'
        )
    for name, maps in (('strided', strided), ('high_res', high_res)):
        if maps.size and not (maps.min() >= 0 and maps.max() <= 1):
            raise ValueError(
                f'{name} must be in [0, 1], but got [{maps.min()}, {maps.max()}] for {path}.'
            )
    with atomic_path(path) as temporary, temporary.open('wb') as file:
        np.savez_compressed(
            file,
            keys=class_indices,
            strided=strided.astype(np.float16),
            high_res=_as_bytes(high_res),
            size=np.array([height, width], dtype=np.int64),
        )


def _as_bytes(maps: np.ndarray) -> np.ndarray:
    """Return floor(255 x + 0.5) of maps ``(n, H, W)`` in [0, 1], uint8."""
    out = np.empty(maps.shape, dtype=np.uint8)
    # map by map: float32 copies of all would take several times the memory of the maps
    for one, target in zip(maps, out, strict=True):
        target[...] = np.floor(255 * one.astype(np.float32) + 0.5)
    return out


def read_arrays(path: str | Path, names: Sequence[str]) -> list[np.ndarray]:
    """Read arrays of an ``.npz``, whose headers are compared with its size before memory is taken.

    Args:
        path: The file.
        names: Names of the arrays.

    Raises:
        KeyError: If it lacks one; further errors, ``BROKEN_NPZ``, if it is broken in another way.
    """
    with Path(path).open('rb') as raw:
        # numpy would take any other file for an array or a pickle
        if raw.read(2) != b'PK':
            raise ValueError('it is no archive of arrays')
        raw.seek(0)
        with np.load(raw, allow_pickle=False) as file:
            size = os.fstat(raw.fileno()).st_size
            for name in names:
                _check_size(file.zip, f'{name}.npy', _MOST_DEFLATED * size)
            return [file[name] for name in names]


def _read_header(member: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    """Read the shape and the type of an array from the start of its file."""
    version = np.lib.format.read_magic(member)
    read = {(1, 0): np.lib.format.read_array_header_1_0}.get(
        version, np.lib.format.read_array_header_2_0
    )
    shape, _, dtype = read(member)
    return shape, dtype


def _check_size(archive: zipfile.ZipFile, name: str, most: int) -> None:
    """Refuse an array whose header claims more bytes than its member of the archive can hold.

    Args:
        archive: The ``.npz``.
        name: Member of the archive.
        most: Bytes that a file of this size can hold at most.

    Raises:
        ValueError: If it does.
    """
    with archive.open(name) as member:
        shape, dtype = _read_header(member)
        held = archive.getinfo(name).file_size - member.tell()
    claimed = math.prod(shape) * dtype.itemsize
    if any(side < 0 for side in shape) or claimed > min(held, most):
        raise ValueError(f'{name} claims {claimed} bytes, but can hold {max(0, min(held, most))}')


def read_row(path: str | Path, name: str, row: int) -> np.ndarray:
    """Read one row of an array of an ``.npz``; the rows before it are read over, one at a time.

    Args:
        path: The file.
        name: Name of the array, of bytes ``(n, ...)``.
        row: From 0.

    Raises:
        ValueError: If the file ends before the row; further errors as of ``read_arrays``.
    """
    with zipfile.ZipFile(path) as archive:
        _check_size(archive, f'{name}.npy', _MOST_DEFLATED * os.stat(path).st_size)
        with archive.open(f'{name}.npy') as member:
            shape, dtype = _read_header(member)
            values = b''
            for _ in range(row + 1):
                values = member.read(math.prod(shape[1:]) * dtype.itemsize)
    return np.frombuffer(values, dtype=dtype).reshape(shape[1:])


def read_cams(
    path: str | Path,
    full_size: bool = True,
    only: int | None = None,
    image_size: tuple[int, int] | None = None,
) -> Cams:
    """Read ``cams/<image_id>.npz``.

    Args:
        path: The file.
        full_size: Whether ``high_res`` is read; if not, it has no map, ``(0, H, W)``.
        only: Class index whose maps alone are returned; ``None`` returns those of all classes.
        image_size: Height and width that the image has; a small file may claim any number of
            pixels, and maps of another size are refused before memory is taken for them.

    Raises:
        FormatError: If the file is truncated, lacks an array, or has arrays of other types,
            disagreeing shapes or impossible values.
    """
    check_regular(path, 'delete it and run the CAM export again')
    try:
        class_indices, size = read_arrays(path, ('keys', 'size'))
        if image_size is not None and size.reshape(-1).tolist() != [*image_size]:
            raise FormatError(_other_size(path, size, image_size))
        [strided] = read_arrays(path, ('strided',))
        high_res = None
        if only is not None:
            rows = np.flatnonzero(class_indices == only)
            class_indices, strided = class_indices[rows], strided[rows]
            one = [read_row(path, 'high_res', int(row)) for row in rows if full_size]
            high_res = np.stack(one) if one else None
        elif full_size:
            [high_res] = read_arrays(path, ('high_res',))
    except BROKEN_NPZ as error:
        if isinstance(error, (FileNotFoundError, FormatError)):
            raise
        raise FormatError(
            f'{path} is not a CAM file ({error}); delete it and run the CAM export again.'
        ) from error
    problem = _problem_of_cams(class_indices, strided, high_res, size)
    if problem:
        raise FormatError(f'{path} has {problem}; delete it and run the CAM export again.')
    height, width = (int(v) for v in size)
    full = np.zeros((0, height, width), np.float32)
    if high_res is not None:
        full = high_res.astype(np.float32)
        full /= 255
    return Cams(class_indices, strided.astype(np.float32), full, (height, width))


def _other_size(path: str | Path, size: np.ndarray, image_size: tuple[int, int]) -> str:
    """Return the message about maps of another image."""
    found = 'x'.join(map(str, size.reshape(-1).tolist()[:2][::-1]))
    height, width = image_size
    return (
        f'maps {path} are of an image of {found}, but the image has {width}x{height}; delete them '
        'and run the CAM export again'
    )


def check_cams(path: str | Path) -> Cams:
    """Read a file as ``read_cams``, and its maps of full size piece by piece, to find damage.

    Returns:
        The maps without ``high_res``.

    Raises:
        FormatError: As ``read_cams``.
    """
    cams = read_cams(path, full_size=False)
    try:
        with zipfile.ZipFile(path) as archive, archive.open('high_res.npy') as member:
            shape, dtype = _read_header(member)
            while member.read(_PIECE):
                pass
    except BROKEN_NPZ as error:
        raise FormatError(
            f'{path} is not a CAM file ({error}); delete it and run the CAM export again.'
        ) from error
    problem = f'an array high_res of another type ({dtype})' if dtype != np.uint8 else ''
    if shape != (len(cams.class_indices), *cams.size):
        problem = 'maps of disagreeing shapes'
    if problem:
        raise FormatError(f'{path} has {problem}; delete it and run the CAM export again.')
    return cams


def _fit(
    number: int, size: tuple[int, ...], strided: np.ndarray, high_res: np.ndarray | None
) -> bool:
    """Return whether maps have the shapes that follow from an image's size and its classes."""
    return (
        len(size) == 2
        and strided.shape == (number, *strided_size(*size))
        and (high_res is None or high_res.shape == (number, *size))
    )


def _problem_of_cams(
    class_indices: np.ndarray, strided: np.ndarray, high_res: np.ndarray | None, size: np.ndarray
) -> str:
    """Return what a CAM file has that ``write_cams`` does not write, or nothing.

    Args:
        class_indices: As in the file.
        strided: As in the file.
        high_res: As in the file, or ``None`` if it was not read.
        size: As in the file.
    """
    full = np.dtype(np.uint8) if high_res is None else high_res.dtype
    types = (class_indices.dtype, strided.dtype, full, size.dtype)
    if types != (np.int64, np.float16, np.uint8, np.int64):
        return 'arrays of other types (' + ', '.join(str(t) for t in types) + ')'
    image_size = tuple(size.reshape(-1).tolist())
    if not all(image_size):
        return 'maps of an image without pixels'
    if class_indices.ndim != 1 or not _fit(len(class_indices), image_size, strided, high_res):
        return 'maps of disagreeing shapes'
    if len(set(class_indices.tolist())) != len(class_indices) or (class_indices < 0).any():
        return f'classes {class_indices.tolist()}, which are negative or stand twice'
    if (class_indices > _LAST_CLASS).any():
        return f'class {class_indices.max()}, but {_LAST_CLASS} is the last that a mask can hold'
    # written so that NaN is refused too
    if not ((strided >= 0) & (strided <= 1)).all():
        return 'strided maps outside [0, 1]'
    return ''
