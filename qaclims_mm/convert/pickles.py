"""The one place that reads pickles of others: the released ``.npy`` files, as inert data.

A pickle is a program. Here it can build dicts, lists, tuples, texts, numbers and tensors, and
nothing else: whatever it names is looked up in a short table of own makers, none of which has an
attribute or a method that a pickle could reach. Neither numpy's dtypes and arrays nor torch's
tensors and storages are rebuilt by themselves, as their ``__setstate__`` trusts the file.
"""

import io
import pickle
import re
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import numpy as np
import torch
from torch import Tensor

from qaclims_mm.engine.checkpoints import reason_of
from qaclims_mm.errors import FormatError

# Deeper than {image: {class: {key: [(question, answer)]}}} and the text cache's one level more.
MAX_DEPTH = 8
# How often the bytes of a file may be copied: as text, as bytes and as numbers, and one to spare.
_COPIES = 4
# Opcodes that data of numpy and torch never needs; BYTEARRAY8 fills memory before it reads.
_REFUSED_OPCODES = (
    pickle.INST,
    pickle.OBJ,
    pickle.NEWOBJ,
    pickle.NEWOBJ_EX,
    pickle.PERSID,
    pickle.BINPERSID,
    pickle.EXT1,
    pickle.EXT2,
    pickle.EXT4,
    pickle.BYTEARRAY8,
    pickle.NEXT_BUFFER,
    pickle.READONLY_BUFFER,
)
_TORCH_DTYPES = ('float16', 'bfloat16', 'float32', 'float64')


class _Inert:
    """A value that a pickle can hold but not change."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        raise FormatError(f'changes a {type(self).__name__.strip("_")}')


class PickledTensor(_Inert):
    """A tensor of a pickle, on the CPU; its memory is its own.

    Args:
        tensor: What was read.
    """

    __slots__ = ('tensor',)

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


class _Maker(_Inert):
    """Stands for a callable that a pickle may name."""

    __slots__ = ('_make',)

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make

    def __call__(self, *args: Any) -> Any:
        return self._make(*args)


class _Storage(_Inert):
    """The numbers of a tensor, ``(N,)``."""

    __slots__ = ('values',)

    def __init__(self, values: Tensor) -> None:
        self.values = values


class _DType(_Inert):
    """A numpy type without fields; numpy's own would take a field of pointers from the file."""

    __slots__ = ('code', 'order')

    def __init__(self, code: str, *_: object) -> None:
        if not isinstance(code, str) or not re.fullmatch(r'O8?|[Uifub]\d{1,4}', code):
            raise FormatError(f'has an array of type {code!r}')
        self.code, self.order = code, '='

    def __setstate__(self, state: Any) -> None:
        _, self.order, *fields = state
        if self.order not in ('<', '>', '|', '=') or any(f is not None for f in fields[:3]):
            raise FormatError('has an array with fields')

    def numpy(self) -> np.dtype:
        """Return the type."""
        return np.dtype(self.order + self.code)


class _Array(_Inert):
    """A numpy array of one object, the wrapper of every released file."""

    __slots__ = ('value',)

    def __init__(self) -> None:
        self.value: Any = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, _, data = state
        if shape != () or not isinstance(dtype, _DType) or dtype.code[0] != 'O':
            raise FormatError(f'has an array of shape {shape} instead of one object')
        (self.value,) = data


class _Unpickler(pickle._Unpickler):
    """Builds plain data.

    The interpreter's own unpickler in Python: that in C reserves memory for any number in the file.

    Args:
        file: After the header.
        size: Bytes of the file; what it makes may exceed them a few times only.
    """

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = dict(pickle._Unpickler.dispatch)

    def __init__(self, file: BinaryIO, size: int) -> None:
        super().__init__(file)
        self._left = _COPIES * size
        array, scalar = _Maker(self._array), _Maker(self._scalar)
        self._known: dict[tuple[str, str], object] = {
            ('numpy', 'ndarray'): 'numpy.ndarray',
            ('numpy', 'dtype'): _Maker(_DType),
            ('numpy.core.multiarray', '_reconstruct'): array,
            ('numpy._core.multiarray', '_reconstruct'): array,
            ('numpy.core.multiarray', 'scalar'): scalar,
            ('numpy._core.multiarray', 'scalar'): scalar,
            ('collections', 'OrderedDict'): _Maker(self._dict),
            ('_codecs', 'encode'): _Maker(self._encode),
            ('torch.storage', '_load_from_bytes'): _Maker(self._storage),
            ('torch._utils', '_rebuild_tensor_v2'): _Maker(_rebuild_tensor),
            ('torch._utils', '_rebuild_parameter'): _Maker(_rebuild_parameter),
            ('torch', 'device'): _Maker(self._device),
            **{('torch', name): f'torch.{name}' for name in _TORCH_DTYPES},
        }

    def find_class(self, module: str, name: str) -> object:
        """Return what stands for a global.

        Raises:
            FormatError: If it is not one of the few that data needs.
        """
        if (module, name) not in self._known:
            raise FormatError(f'names {module}.{name}, which a file of data does not need')
        return self._known[module, name]

    def refuse(self) -> None:
        """Refuse an opcode.

        Raises:
            FormatError: Always.
        """
        raise FormatError('has an opcode that a file of data does not need')

    def _take(self, size: int) -> None:
        """Count what a maker copies: a small file must not become a large object."""
        self._left -= size
        if self._left < 0:
            raise FormatError('holds more than it has bytes')

    @staticmethod
    def _array(kind: object, *_: object) -> _Array:
        if kind != 'numpy.ndarray':
            raise FormatError(f'has an array of kind {kind!r}')
        return _Array()

    @staticmethod
    def _dict(*args: object) -> dict:
        if args:
            raise FormatError('has an OrderedDict with arguments')
        return {}

    @staticmethod
    def _device(*args: object) -> str:
        return ':'.join(str(a) for a in args if isinstance(a, (str, int)))

    def _encode(self, text: str, encoding: str) -> bytes:
        # how protocol 2 writes bytes; any other codec could be one that runs
        if not isinstance(text, str) or encoding != 'latin1':
            raise FormatError(f'encodes a text as {encoding!r}')
        self._take(len(text))
        return text.encode('latin1')

    def _scalar(self, dtype: object, data: object) -> str | int | float:
        if not isinstance(dtype, _DType) or dtype.code[0] == 'O' or not isinstance(data, bytes):
            raise FormatError('has a number or text of an unknown type')
        self._take(len(data))
        if len(data) != dtype.numpy().itemsize:
            raise FormatError('has a number or text of another size')
        # numpy makes one character of none
        return np.frombuffer(data, dtype.numpy())[0].item() if data else ''

    def _storage(self, data: object) -> _Storage:
        # torch pickles a tensor's storage as a file of its own, always in the older format; the
        # newer one is a zip archive, which could unpack to any size
        if not isinstance(data, bytes) or data[:2] == b'PK':
            raise FormatError('has a tensor in another format')
        self._take(len(data))
        try:
            storage = torch.load(io.BytesIO(data), map_location='cpu', weights_only=True)
        # of bytes that are no storage, torch raises whatever it meets
        except Exception as error:
            raise FormatError(f'has a tensor without numbers ({reason_of(error)})') from error
        if (
            not isinstance(storage, torch.storage.TypedStorage)
            or not storage.dtype.is_floating_point
        ):
            raise FormatError(f'has a {type(storage).__name__} in place of numbers')
        return _Storage(torch.empty(0, dtype=storage.dtype).set_(storage))


for _opcode in _REFUSED_OPCODES:
    _Unpickler.dispatch[_opcode[0]] = _Unpickler.refuse


def _rebuild_tensor(storage: Any, offset: int, size: Any, stride: Any, *_: object) -> PickledTensor:
    numbers = (offset, *size, *stride)
    if not isinstance(storage, _Storage) or len(size) != len(stride):
        raise FormatError('has a tensor without numbers')
    if not all(isinstance(n, int) and n >= 0 for n in numbers):
        raise FormatError('has a tensor of an impossible shape')
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    if prod(size) > len(storage.values) or last >= len(storage.values):
        raise FormatError(f'has a tensor of shape {tuple(size)} beyond its numbers')
    view = storage.values.as_strided(tuple(size), tuple(stride), offset)
    return PickledTensor(view.clone())


def _rebuild_parameter(data: object, *_: object) -> PickledTensor:
    if not isinstance(data, PickledTensor):
        raise FormatError('has a parameter without numbers')
    return data


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
            top = _Unpickler(file, size).load()
        if not isinstance(top, _Array):
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
            f'{path} is truncated or no array of one object '
            f'({type(error).__name__}: {error}); fetch it again.'
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
        raise FormatError(f'holds a {type(value).__name__.strip("_")}')
    if depth == MAX_DEPTH:
        raise FormatError('is nested too deeply')
    number = 1
    for part in parts:
        number += _count(part, left - number, depth + 1)
        if number > left:
            raise FormatError('holds more than it has bytes')
    return number
