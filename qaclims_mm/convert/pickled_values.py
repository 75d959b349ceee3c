"""Values that a released ``.npy`` file can hold: inert, so that its pickle cannot change them."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor

from qaclims_mm.errors import FormatError

# characters of a text in a message, at most
_SHOWN = 100


class Inert:
    """A value that a pickle can hold but not change."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        raise FormatError(f'changes a {type(self).__name__}')


class PickledTensor(Inert):
    """A tensor of a pickle, on the CPU; its memory is its own.

    Args:
        tensor: What was read.
    """

    __slots__ = ('tensor',)

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


class Maker(Inert):
    """Stands for a callable that a pickle may name."""

    __slots__ = ('_make',)

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make

    def __call__(self, *args: Any) -> Any:
        """Make what the callable makes."""
        return self._make(*args)


class Storage(Inert):
    """The numbers of a tensor, ``(N,)``."""

    __slots__ = ('values',)

    def __init__(self, values: Tensor) -> None:
        self.values = values


class DType(Inert):
    """A numpy type without fields; numpy's own would take a field of pointers from the file."""

    __slots__ = ('code', 'order')

    def __init__(self, code: str, *_: object) -> None:
        if not isinstance(code, str) or not re.fullmatch(r'O8?|[Uifub]\d{1,4}', code):
            raise FormatError(f'has an array of type {shown_value(code)}')
        self.code, self.order = code, '='

    def __setstate__(self, state: Any) -> None:
        _, self.order, *fields = state
        if self.order not in ('<', '>', '|', '=') or any(f is not None for f in fields[:3]):
            raise FormatError('has an array with fields')

    def numpy(self) -> np.dtype:
        """Return the type."""
        return np.dtype(self.order + self.code)


class Array(Inert):
    """A numpy array of one object, the wrapper of every released file."""

    __slots__ = ('value',)

    def __init__(self) -> None:
        self.value: Any = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, _, data = state
        if shape != () or not isinstance(dtype, DType) or dtype.code[0] != 'O':
            raise FormatError('has an array of several objects instead of one')
        (self.value,) = data


def shown_value(value: object) -> str:
    """Return a value of a pickle as a message shows it; a tuple could hold itself without end."""
    if not isinstance(value, (str, int)):
        return f'a {type(value).__name__}'
    text = str(value) if isinstance(value, str) or abs(value) < 2**63 else 'a huge number'
    text = text if len(text) <= _SHOWN else f'{text[:_SHOWN]}...'
    return repr(text) if isinstance(value, str) else text
