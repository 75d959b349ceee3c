"""The one place that unpickles what others have made, as inert data.

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
from typing import Any, BinaryIO, ClassVar

import numpy as np
import torch

from qaclims_mm.convert.pickled_values import (
    Array,
    DType,
    Maker,
    PickledTensor,
    Storage,
    shown_value,
)
from qaclims_mm.engine.checkpoints import load_values, reason_of
from qaclims_mm.errors import FormatError

# How often the bytes of a file may be copied: as text, as bytes and as numbers, and one to spare.
_COPIES = 4
# of a tensor, as in torch
MAX_DIMENSIONS = 64
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
    # no released file has a set
    pickle.EMPTY_SET,
    pickle.FROZENSET,
    pickle.ADDITEMS,
)
_TORCH_DTYPES = ('float16', 'bfloat16', 'float32', 'float64')


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
        array, scalar = Maker(self._array), Maker(self._scalar)
        self._known: dict[tuple[str, str], object] = {
            ('numpy', 'ndarray'): 'numpy.ndarray',
            ('numpy', 'dtype'): Maker(DType),
            ('numpy.core.multiarray', '_reconstruct'): array,
            ('numpy._core.multiarray', '_reconstruct'): array,
            ('numpy.core.multiarray', 'scalar'): scalar,
            ('numpy._core.multiarray', 'scalar'): scalar,
            ('collections', 'OrderedDict'): Maker(self._dict),
            ('_codecs', 'encode'): Maker(self._encode),
            ('torch.storage', '_load_from_bytes'): Maker(self._storage),
            ('torch._utils', '_rebuild_tensor_v2'): Maker(self._tensor),
            ('torch._utils', '_rebuild_parameter'): Maker(_rebuild_parameter),
            ('torch', 'device'): Maker(self._device),
            **{('torch', name): f'torch.{name}' for name in _TORCH_DTYPES},
        }

    def find_class(self, module: str, name: str) -> object:
        """Return what stands for a global.

        Raises:
            FormatError: If it is not one of the few that data needs.
        """
        if (module, name) not in self._known:
            named = shown_value(f'{module}.{name}')[1:-1]
            raise FormatError(f'names {named}, which a file of data does not need')
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
    def _array(kind: object, *_: object) -> Array:
        if kind != 'numpy.ndarray':
            raise FormatError(f'has an array of kind {shown_value(kind)}')
        return Array()

    @staticmethod
    def _dict(*args: object) -> dict:
        if args:
            raise FormatError('has an OrderedDict with arguments')
        return {}

    def _device(self, kind: object, index: object = '') -> str:
        if not isinstance(kind, str) or not re.fullmatch(r'\d{0,4}', shown_value(index).strip("'")):
            raise FormatError('has a device of an unknown kind')
        self._take(len(kind))
        return f'{kind}:{index}' if index != '' else kind

    def _encode(self, text: str, encoding: str) -> bytes:
        # how protocol 2 writes bytes; any other codec could be one that runs
        if not isinstance(text, str) or encoding != 'latin1':
            raise FormatError(f'encodes a text as {shown_value(encoding)}')
        self._take(len(text))
        return text.encode('latin1')

    def _scalar(self, dtype: object, data: object) -> str | int | float:
        if not isinstance(dtype, DType) or dtype.code[0] == 'O' or not isinstance(data, bytes):
            raise FormatError('has a number or text of an unknown type')
        self._take(len(data))
        if len(data) != dtype.numpy().itemsize:
            raise FormatError('has a number or text of another size')
        # numpy makes one character of none
        return np.frombuffer(data, dtype.numpy())[0].item() if data else ''

    def _storage(self, data: object) -> Storage:
        # torch pickles a tensor's storage as a file of its own, always in the older format; the
        # newer one is a zip archive, which could unpack to any size
        if not isinstance(data, bytes) or data[:2] == b'PK':
            raise FormatError('has a tensor in another format')
        self._take(len(data))
        try:
            storage = load_values(io.BytesIO(data))
        # of bytes that are no storage, torch raises whatever it meets
        except Exception as error:
            raise FormatError(f'has a tensor without numbers ({reason_of(error)})') from error
        if (
            not isinstance(storage, torch.storage.TypedStorage)
            or not storage.dtype.is_floating_point
        ):
            raise FormatError(f'has a {type(storage).__name__} in place of numbers')
        return Storage(torch.empty(0, dtype=storage.dtype).set_(storage))

    def _tensor(
        self, storage: Any, offset: int, size: Any, stride: Any, *_: object
    ) -> PickledTensor:
        if not isinstance(storage, Storage) or len(size) != len(stride):
            raise FormatError('has a tensor without numbers')
        numbers = (offset, *size, *stride)
        if len(size) > MAX_DIMENSIONS or not all(
            isinstance(n, int) and 0 <= n < 2**63 for n in numbers
        ):
            raise FormatError('has a tensor of an impossible shape')
        last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
        if prod(size) > len(storage.values) or last >= len(storage.values):
            raise FormatError(f'has a tensor of shape {tuple(size)} beyond its numbers')
        self._take(prod(size) * storage.values.element_size())
        view = storage.values.as_strided(tuple(size), tuple(stride), offset)
        return PickledTensor(view.clone())

    def put_items(self: Any) -> None:
        """Put pairs into a dict; other keys than texts could take for ever to hash.

        Raises:
            FormatError: If a key is no text.
        """
        items = self.pop_mark()
        self._put(items)

    def put_item(self: Any) -> None:
        """Put one pair into a dict, as ``put_items``."""
        value = self.stack.pop()
        key = self.stack.pop()
        self._put([key, value])

    def make_dict(self: Any) -> None:
        """Make a dict of pairs, as ``put_items``."""
        items = self.pop_mark()
        self.stack.append({})
        self._put(items)

    def _put(self: Any, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict):
            raise FormatError(f'puts pairs into a {type(target).__name__}')
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str):
                raise FormatError(f'has a {type(key).__name__} as a key')
            target[key] = value


for _opcode in _REFUSED_OPCODES:
    _Unpickler.dispatch[_opcode[0]] = _Unpickler.refuse
_Unpickler.dispatch |= {
    pickle.SETITEM[0]: _Unpickler.put_item,
    pickle.SETITEMS[0]: _Unpickler.put_items,
    pickle.DICT[0]: _Unpickler.make_dict,
}


def _rebuild_parameter(data: object, *_: object) -> PickledTensor:
    if not isinstance(data, PickledTensor):
        raise FormatError('has a parameter without numbers')
    return data


def unpickle(file: BinaryIO, size: int) -> object:
    """Return what a pickle holds; nothing that it names is run.

    Args:
        file: At the start of the pickle.
        size: Bytes of the file; what the pickle makes may exceed them a few times only.

    Raises:
        FormatError: If it has or names what data does not need. A broken pickle raises anything.
    """
    return _Unpickler(file, size).load()
