"""Read the released ``.npy`` files, each a pickle of one object."""

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from qaclims_mm.convert.pickled_values import Array, PickledTensor
from qaclims_mm.convert.pickles import unpickle
from qaclims_mm.engine.checkpoints import reason_of
from qaclims_mm.errors import FormatError

# Deeper than {image: {class: {key: [(question, answer)]}}} and the text cache's one level more.
MAX_DEPTH = 8


def read_npy(path: str | Path) -> Any:
    """Read the object in a released ``.npy`` file.

    Args:
        path: File made by ``np.save`` of one Python object.

    Returns:
        Dicts with texts as keys, lists, tuples, texts, numbers, ``None`` and ``PickledTensor``; a
        numpy text or number is a plain one, a dtype or device its name.

    Raises:
        FormatError: If the file is truncated, no array of one object, or holds anything else; what
            it names is in the message and is not run.
    """
    path = Path(path)
    try:
        with path.open('rb') as file:
            _check_header(file)
            size = path.stat().st_size
            top = unpickle(file, size)
        if not isinstance(top, Array):
            raise FormatError(f'holds a {type(top).__name__} instead of an array')
        _count(top.value, size, 0)
    except FileNotFoundError:
        raise
    except FormatError as error:
        raise FormatError(
            f'{path} {error}; it is not one of the released files and was not run.'
        ) from error
    # a broken pickle makes its reader raise whatever it meets
    except Exception as error:
        raise FormatError(
            f'{path} is truncated or no array of one object ({reason_of(error)}); fetch it again.'
        ) from error
    return top.value


def _check_header(file: BinaryIO) -> None:
    """Read the header of the array; numpy's own reader would go on to unpickle it."""
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, _, dtype = np.lib.format.read_array_header_2_0(file)
    else:
        raise FormatError(f'is of version {version}')
    if dtype != np.dtype(object) or shape != ():
        raise FormatError(f'is an array of {dtype} and shape {shape} instead of one object')


def _count(value: object, left: int, depth: int) -> int:
    """Return how many values there are; a pickle may refer to a part of itself many times.

    Raises:
        FormatError: If there are more than bytes in the file, or of another kind.
    """
    if isinstance(value, dict):
        wrong = next((k for k in value if not isinstance(k, str)), None)
        if wrong is not None:
            raise FormatError(f'has a {type(wrong).__name__} as a key')
        parts: Any = value.values()
    elif isinstance(value, (list, tuple)):
        parts = value
    elif value is None or isinstance(value, (str, int, float, PickledTensor)):
        return 1
    else:
        raise FormatError(f'holds a {type(value).__name__}')
    if depth == MAX_DEPTH:
        raise FormatError('is nested too deeply')
    number = 1
    for part in parts:
        number += _count(part, left - number, depth + 1)
        if number > left:
            raise FormatError('holds more than it has bytes')
    return number
