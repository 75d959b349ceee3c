"""Look through the pickles of a checkpoint before torch reads it; nothing of them is run.

torch builds nothing but data, but a small file can still stop a program: a tuple that holds itself
twice, sixty times over, is hashed or shown for ever, and weights that nobody has written are
whatever lies in memory.
"""

import io
import os
import pickletools
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from qaclims_mm.errors import FormatError

# how often a value may stand in others, on average; checkpoints share a few
_MOST_SHARED = 100
# how much larger than its file the content of an archive may be; weights hardly shrink
_MOST_PACKED = 4
# pickles before the numbers in the format before torch 1.6: the values, and whose numbers follow
_ROOT, _KEYS = 3, 4
# what makes objects by their class, which no checkpoint has
_REFUSED = ('OBJ', 'INST', 'EXT1', 'EXT2', 'EXT4')
# size of a value whose parts are being counted
_COUNTING = -1
_EXTENDS = ('APPEND', 'APPENDS', 'ADDITEMS', 'SETITEM', 'SETITEMS', 'BUILD')


class _Node:
    """A value of a pickle: its argument in the file, and what it holds."""

    __slots__ = ('parts', 'size', 'value')

    def __init__(self, value: object = None, parts: Iterable['_Node'] = ()) -> None:
        self.value = value
        self.parts = list(parts)
        self.size = 0


class _Scan:
    """Follows the opcodes of one pickle on a stack of nodes.

    Args:
        file: At the start of a pickle; it is read to the end of that pickle.

    Raises:
        FormatError: If it is broken, or a value holds others more often than data do.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.persistent: list[_Node] = []
        self._nodes: list[_Node] = []
        self._memo: dict[int, _Node] = {}
        self._stack: list[_Node | None] = []  # None is a mark
        number = 0
        try:
            for opcode, value, _ in pickletools.genops(file):
                number += 1
                self._follow(opcode, value)
            self.root = self._node(self._stack[-1])
        except (ValueError, IndexError, KeyError, AttributeError, UnicodeError) as error:
            raise FormatError(f'it has a broken pickle: {str(error)[:100]}') from error
        self._check_sizes(_MOST_SHARED * number)

    def _follow(self, opcode: pickletools.OpcodeInfo, value: Any) -> None:
        name, stack = opcode.name, self._stack
        if name in _REFUSED:
            raise FormatError(f'it has an opcode {name}, which a checkpoint does not need')
        if name in ('PUT', 'BINPUT', 'LONG_BINPUT', 'MEMOIZE'):
            self._memo[len(self._memo) if value is None else value] = self._node(stack[-1])
        elif name in ('GET', 'BINGET', 'LONG_BINGET'):
            stack.append(self._memo[value])
        elif name == 'MARK':
            stack.append(None)
        elif name == 'DUP':
            stack.append(stack[-1])
        elif name != 'STOP':
            self._build(opcode, value)

    def _build(self, opcode: pickletools.OpcodeInfo, value: Any) -> None:
        """Take what an opcode takes from the stack, and put there what it makes."""
        name = opcode.name
        if pickletools.markobject in opcode.stack_before:
            parts = self._to_mark()
        else:
            taken = len(opcode.stack_before) - (name in _EXTENDS)
            parts = [self._stack.pop() for _ in range(taken)][::-1]
        held = [part for part in parts if part is not None]
        if name in _EXTENDS:
            self._node(self._stack[-1]).parts += held
        elif opcode.stack_after:
            node = _Node(value, held)
            self._nodes.append(node)
            self._stack.append(node)
            if name == 'BINPERSID':
                self.persistent.append(node)

    def _to_mark(self) -> list[_Node | None]:
        start = len(self._stack) - 1 - self._stack[::-1].index(None)
        parts = self._stack[start + 1 :]
        del self._stack[start:]
        return parts

    @staticmethod
    def _node(value: _Node | None) -> _Node:
        if value is None:
            raise ValueError('a mark in place of a value')
        return value

    def _check_sizes(self, most: int) -> None:
        """Count what each value holds, all the way down; one that holds itself holds no end."""
        waiting = list(self._nodes)
        # depth first, without recursion
        while waiting:
            node = waiting[-1]
            if node.size == 0:
                node.size = _COUNTING
                if any(part.size == _COUNTING for part in node.parts):
                    raise FormatError('it has a value that holds itself')
                waiting += [part for part in node.parts if not part.size]
                continue
            waiting.pop()
            if node.size == _COUNTING:
                node.size = 1 + sum(part.size for part in node.parts)
            if node.size > most:
                raise FormatError('it repeats a value within others without end')


def check_pickles(file: str | Path | BinaryIO) -> None:
    """Refuse a checkpoint that would take torch for ever, or weights that are not in the file.

    Args:
        file: Path of a checkpoint, or an open file, which is left where it was.

    Raises:
        FormatError: If it is broken or does that.
        OSError: If it cannot be read.
    """
    if isinstance(file, (str, Path)):
        with Path(file).open('rb') as opened:
            _check_open(opened)
    else:
        start = file.tell()
        _check_open(file)
        file.seek(start)


def _check_open(file: BinaryIO) -> None:
    start = file.tell()
    is_archive = file.read(2) == b'PK'
    file.seek(start)
    if is_archive:
        _check_archive(file)
    else:
        _check_sequence(file)


def _check_archive(file: BinaryIO) -> None:
    size = file.seek(0, os.SEEK_END)
    try:
        with zipfile.ZipFile(file) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _MOST_PACKED * size:
                raise FormatError('it unpacks to more than its size')
            names = [n for n in archive.namelist() if n.endswith('.pkl')]
            for name in names:
                _Scan(io.BytesIO(archive.read(name)))
    except zipfile.BadZipFile as error:
        raise FormatError(f'its archive is broken: {error}') from error


def _check_sequence(file: BinaryIO) -> None:
    """Refuse numbers that are named in the older format, but do not follow."""
    scans = [_Scan(file)]
    while len(scans) <= _KEYS:
        place = file.tell()
        # torch refuses a file that ends here, and names what is wrong with it
        if not file.read(1):
            return
        file.seek(place)
        scans.append(_Scan(file))
    # ('storage', type, key, device, number of them, view)
    named = {scan.parts[0].parts[2].value for scan in scans[_ROOT].persistent if _is_key(scan)}
    unwritten = named - {key.value for key in scans[_KEYS].root.parts}
    if unwritten or not all(map(_is_key, scans[_ROOT].persistent)):
        raise FormatError('it names weights that it does not hold')


def _is_key(node: _Node) -> bool:
    return bool(node.parts) and len(node.parts[0].parts) > 2
