"""Activation maps of an image: ``cams/<image_id>.npz``."""

import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas.files import atomic_path

# What numpy raises for an archive that was cut, overwritten or made by something else.
BROKEN_NPZ = (
    KeyError,
    ValueError,
    OSError,
    EOFError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)


class Cams(NamedTuple):
    """Maps of one image: ``keys`` (n,), ``strided`` (n, h, w), ``high_res`` (n, H, W) in [0, 1]."""

    keys: np.ndarray
    strided: np.ndarray
    high_res: np.ndarray
    size: tuple[int, int]


def strided_size(height: int, width: int, stride: int = 4) -> tuple[int, int]:
    """Return the size of a strided map: ceil(H / stride), ceil(W / stride)."""
    return -(-height // stride), -(-width // stride)


def write_cams(
    path: str | Path, keys: np.ndarray, strided: np.ndarray, high_res: np.ndarray
) -> None:
    """Write ``cams/<image_id>.npz``: floor(255 ``high_res`` + 0.5) and float16 ``strided``.

    Args:
        path: The file.
        keys: Class indices without the background, ``(n,)``; n may be 0.
        strided: Maps in [0, 1], ``(n, ceil(H/4), ceil(W/4))``.
        high_res: Maps in [0, 1], ``(n, H, W)``; H and W count even when n is 0.

    Raises:
        ValueError: If shapes disagree or a value is outside [0, 1].
    """
    keys = np.asarray(keys, dtype=np.int64).reshape(-1)
    height, width = high_res.shape[-2:]
    if not _fit(len(keys), (height, width), strided, high_res):
        raise ValueError(
            f'maps must be (n, ceil(H/4), ceil(W/4)) and (n, H, W) for n = {len(keys)} keys, '
            f'but got strided {strided.shape} and high_res {high_res.shape} for {path}.'
        )
    for name, maps in (('strided', strided), ('high_res', high_res)):
        if maps.size and not (maps.min() >= 0 and maps.max() <= 1):
            raise ValueError(
                f'{name} must be in [0, 1], but got [{maps.min()}, {maps.max()}] for {path}.'
            )
    with atomic_path(path) as temporary, temporary.open('wb') as file:
        np.savez_compressed(
            file,
            keys=keys,
            strided=strided.astype(np.float16),
            high_res=np.floor(255 * high_res.astype(np.float32) + 0.5).astype(np.uint8),
            size=np.array([height, width], dtype=np.int64),
        )


def read_cams(path: str | Path) -> Cams:
    """Read ``cams/<image_id>.npz``.

    Raises:
        FormatError: If the file is truncated, lacks an array, or has arrays of other types,
            disagreeing shapes or impossible values.
    """
    try:
        with Path(path).open('rb') as raw, np.load(raw, allow_pickle=False) as file:
            keys, strided, high_res, size = (
                file[k] for k in ('keys', 'strided', 'high_res', 'size')
            )
    except BROKEN_NPZ as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise FormatError(
            f'{path} is not a CAM file ({error}); delete it and run the CAM export again.'
        ) from error
    problem = _problem_of_cams(keys, strided, high_res, size)
    if problem:
        raise FormatError(f'{path} has {problem}; delete it and run the CAM export again.')
    height, width = (int(v) for v in size)
    return Cams(
        keys, strided.astype(np.float32), high_res.astype(np.float32) / 255, (height, width)
    )


def _fit(number: int, size: tuple[int, ...], strided: np.ndarray, high_res: np.ndarray) -> bool:
    """Return whether maps have the shapes that follow from an image's size and its classes."""
    return (
        len(size) == 2
        and strided.shape == (number, *strided_size(*size))
        and high_res.shape == (number, *size)
    )


def _problem_of_cams(
    keys: np.ndarray, strided: np.ndarray, high_res: np.ndarray, size: np.ndarray
) -> str:
    """Return what a CAM file has that ``write_cams`` does not write, or nothing."""
    types = tuple(a.dtype for a in (keys, strided, high_res, size))
    if types != (np.int64, np.float16, np.uint8, np.int64):
        return 'arrays of other types (' + ', '.join(str(t) for t in types) + ')'
    image_size = tuple(size.reshape(-1).tolist())
    if keys.ndim != 1 or not _fit(len(keys), image_size, strided, high_res):
        return 'maps of disagreeing shapes'
    if len(set(keys.tolist())) != len(keys) or (keys < 0).any():
        return f'classes {keys.tolist()}, which are negative or stand twice'
    # written so that NaN is refused too
    if not ((strided >= 0) & (strided <= 1)).all():
        return 'strided maps outside [0, 1]'
    return ''
