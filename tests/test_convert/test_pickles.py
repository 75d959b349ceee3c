import contextlib
import os
import pickle
import struct

import numpy as np
import pytest
import torch
from released_files import Call, harmful, npy, saved, wrapped, write

from qaclims_mm.convert.npy import read_npy
from qaclims_mm.errors import FormatError

# ---------------------------------------------------------------------------- what must not run


@pytest.mark.parametrize('protocol', [2, 4])
@pytest.mark.parametrize('name', harmful(''))
def test_nothing_is_run(tmp_path, name, protocol):
    marker = tmp_path / 'marker'
    pickled = pickle.dumps(wrapped(harmful(str(marker))[name]), protocol=protocol)
    path = write(tmp_path / 'a.npy', npy(pickled))
    in_tensor = name.startswith('in a tensor')
    named = (
        'has a tensor (without numbers|in another)'
        if in_tensor
        else r'names (posix|builtins|__builtin__)\.\w+, which'
    )
    with pytest.raises(FormatError, match=rf'^{path} .*({named})') as raised:
        read_npy(path)
    assert 'weights_only' not in str(raised.value)
    assert 'older format' not in name or 'GLOBAL posix.mkdir' in str(raised.value)
    assert not marker.exists()
    # the file is what it is meant to be; what a forged tensor becomes is an error afterwards
    with contextlib.suppress(AttributeError, RuntimeError, pickle.UnpicklingError):
        np.load(path, allow_pickle=True)
    assert marker.exists()


@pytest.mark.parametrize('content', [pickle.dumps(Call(os.mkdir, 'x')), b'cos\nmkdir\n(S"x"\ntR.'])
def test_a_call_in_place_of_the_array(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FormatError, match='mkdir, which a file of data does not need'):
        read_npy(write(tmp_path / 'a.npy', npy(content)))
    assert [p.name for p in tmp_path.iterdir()] == ['a.npy']


def named(module, name):
    """Return a pickle of protocol 4 that only names a global."""
    parts = (bytes([0x8C, len(t)]) + t.encode() for t in (module, name))
    return b'\x80\x04' + b''.join(parts) + b'\x93.'


@pytest.mark.parametrize(
    ('module', 'name'),
    [
        ('builtins', 'getattr'),
        ('builtins', 'dict'),
        ('operator', 'attrgetter'),
        ('torch', 'load'),
        ('torch', 'serialization.load'),
        ('torch.serialization', 'load'),
        ('torch.storage', '_load_from_bytes.__globals__'),
        ('torch._utils', '_rebuild_tensor_v2.__code__'),
        ('torch._utils', 'torch.load'),
        ('torch', 'hub.load'),
        ('torch', 'float32.__class__'),
        ('torch', 'int64'),
        ('numpy', 'ndarray.__class__'),
        ('numpy', 'load'),
        ('numpy', 'dtype.__setstate__'),
        ('numpy.core.multiarray', 'fromfile'),
        ('numpy._core.multiarray', '_reconstruct.__self__'),
        ('collections', 'OrderedDict.fromkeys'),
        ('_codecs', 'decode'),
        ('_codecs', 'lookup'),
        ('copyreg', '_reconstructor'),
        ('qaclims_mm.convert.pickled_values', 'Maker'),
        ('', 'os'),
    ],
)
def test_what_is_not_needed_is_not_known(tmp_path, module, name):
    path = write(tmp_path / 'a.npy', npy(named(module, name)))
    with pytest.raises(FormatError) as raised:
        read_npy(path)
    assert f'{path} names {module}.{name}, which' in str(raised.value)


LOAD = b'ctorch.storage\n_load_from_bytes\n'
ARRAY = b'cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tC\x01btR'
DTYPE = b'cnumpy\ndtype\n(X\x02\x00\x00\x00O8I00\nI01\ntR'
STORED = saved(torch.ones(2)._typed_storage(), _use_new_zipfile_serialization=False)
TENSOR = (
    b'ctorch._utils\n_rebuild_tensor_v2\n('
    + (LOAD + b'(B' + struct.pack('<I', len(STORED)) + STORED + b'tR')
    + b'K\x00(K\x02t(K\x01tI00\n}tR'
)
GOOD = ARRAY + b'(K\x01)' + DTYPE + b'I00\n(K\x07ltb.'
KINDS = {
    'maker': (LOAD, 'changes a Maker'),
    'kind of array': (b'cnumpy\ndtype\n', 'changes a Maker'),
    'tensor': (TENSOR, 'changes a PickledTensor'),
    'array': (ARRAY, 'truncated or no array'),
    'dtype': (DTYPE, 'truncated or no array|array with fields'),
    'dict': (b'}', 'truncated or no array'),
    'text': (b'X\x01\x00\x00\x00a', 'truncated or no array'),
}
STATES = (
    b'}X\x05\x00\x00\x00_makeK\x01s',
    b'N}X\x05\x00\x00\x00_makeK\x01s\x86',
    b'N}X\x09\x00\x00\x00__class__K\x01s\x86',
    b'(K\x01K\x02t',
)


@pytest.mark.parametrize('kind', [None, *KINDS])
@pytest.mark.parametrize('state', STATES)
def test_nothing_is_changed(tmp_path, kind, state):
    """BUILD sets attributes, or calls __setstate__, of whatever lies on the stack."""
    if kind is None:
        # what follows in the others is a file that can be read
        assert read_npy(write(tmp_path / 'a.npy', npy(b'\x80\x02' + GOOD))) == 7
        return
    value, message = KINDS[kind]
    path = write(tmp_path / 'a.npy', npy(b'\x80\x02' + value + state + b'b0' + GOOD))
    with pytest.raises(FormatError, match=message):
        read_npy(path)
    np.save(tmp_path / 'b.npy', dict(a=torch.ones(2)))
    assert read_npy(tmp_path / 'b.npy')['a'].tensor.tolist() == [1, 1]


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        # a field of pointers over the numbers of the file
        (DTYPE + b'(K\x03X\x01\x00\x00\x00|NN}K\x08K\x01K\x00tb0', 'an array with fields'),
        (DTYPE + b'(K\x03X\x01\x00\x00\x00|(K\x01tNNK\x08K\x01K\x00tb0', 'with fields'),
        (DTYPE + b'(K\x03X\x01\x00\x00\x00VNNNK\x08K\x01K\x00tb0', 'with fields'),
        (b'cnumpy\ndtype\n(X\x02\x00\x00\x00V8tR0', "an array of type 'V8'"),
        (b'cnumpy\ndtype\n(X\x03\x00\x00\x00O,OtR0', "an array of type 'O,O'"),
        (ARRAY + b'(K\x01(K\x02t' + DTYPE + b'I00\n(K\x07K\x08ltb0', 'an array of several objects'),
        (b'cnumpy.core.multiarray\n_reconstruct\n(K\x01tR0', 'an array of kind 1'),
        (b'c_codecs\nencode\n(X\x01\x00\x00\x00aX\x05\x00\x00\x00rot13tR0', "text as 'rot13'"),
        (b'c_codecs\nencode\n(K\x01X\x06\x00\x00\x00latin1tR0', 'encodes a text'),
        (b'ccollections\nOrderedDict\n(]tR0', 'an OrderedDict with arguments'),
    ],
)
def test_arguments_of_what_is_known(tmp_path, content, message):
    path = write(tmp_path / 'a.npy', npy(b'\x80\x02' + content + GOOD))
    with pytest.raises(FormatError, match=message):
        read_npy(path)


@pytest.mark.parametrize(
    'content',
    [
        b'(ios\nmkdir\n.',
        b'(cos\nmkdir\no.',
        LOAD + b')\x81.',
        LOAD + b')}\x92.',
        b'Pan id\n.',
        b'K\x01Q.',
        b'\x82\x01.',
        b'\x83\x01\x00.',
        b'\x84\x01\x00\x00\x00.',
        b'\x97.',
        b'\x98.',
    ],
)
def test_other_opcodes(tmp_path, content):
    with pytest.raises(FormatError, match=r'an opcode that|which a file of data does not need'):
        read_npy(write(tmp_path / 'a.npy', npy(content)))


# ------------------------------------------------------------------------------ forged tensors


def tensor(storage, offset=0, size=(2,), stride=(1,)):
    return Call(torch._utils._rebuild_tensor_v2, storage, offset, size, stride, False, {})


NUMBERS = torch.arange(4.0)._typed_storage()
FORGED = {
    'too long': tensor(NUMBERS, size=(5,)),
    'too far': tensor(NUMBERS, offset=3),
    'repeated': tensor(NUMBERS, size=(10**9,), stride=(0,)),
    'strided': tensor(NUMBERS, size=(2,), stride=(10**12,)),
    'negative offset': tensor(NUMBERS, offset=-1),
    'negative size': tensor(NUMBERS, size=(-1,)),
    'negative stride': tensor(NUMBERS, size=(2,), stride=(-1,)),
    'no stride': tensor(NUMBERS, stride=()),
    'text as storage': tensor('abc'),
    'text as size': tensor(NUMBERS, size='ab'),
    'float as size': tensor(NUMBERS, size=(2.0,)),
    'numbers of another kind': torch.arange(3),
    'complex': torch.zeros(2, dtype=torch.complex64),
    'no storage in the bytes': tensor(
        Call(torch.storage._load_from_bytes, saved(1, _use_new_zipfile_serialization=False))
    ),
    'tensor in the bytes': tensor(
        Call(
            torch.storage._load_from_bytes,
            saved(torch.zeros(2), _use_new_zipfile_serialization=False),
        )
    ),
    'text as bytes': tensor(Call(torch.storage._load_from_bytes, 'abc')),
    'no bytes': tensor(Call(torch.storage._load_from_bytes, b'')),
    'parameter of nothing': Call(torch._utils._rebuild_parameter, 1, False, {}),
}


@pytest.mark.parametrize('name', FORGED)
def test_forged_tensors(tmp_path, name):
    path = write(tmp_path / 'a.npy', npy(pickle.dumps(wrapped(FORGED[name]))))
    with pytest.raises(FormatError, match=str(path)):
        read_npy(path)


def test_numbers_that_lie_about_their_type(tmp_path):
    scalar = np.str_('cat').__reduce__()[0]
    for args in (
        (np.dtype('O'), b'12345678'),
        (np.dtype('U3'), b'1234'),
        (np.dtype('U3'), 'cat'),
        ('U3', b'123456789abc'),
        (np.dtype('f8'), b''),
    ):
        path = write(tmp_path / 'a.npy', npy(pickle.dumps(wrapped(_Late(scalar, args)))))
        with pytest.raises(FormatError, match='a number or text of'):
            read_npy(path)


class _Late:
    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


# ---------------------------------------------------------------------- what never ends or is huge


def doubled(times=60):
    """Return a pickle of a tuple that holds itself twice, ``times`` times over."""
    return b')' + b'2\x86' * times


ENDLESS = {
    'key': b'}' + doubled() + b'K\x01s',
    'keys': b'}(' + doubled() + b'K\x01u',
    'key of a dict made at once': b'(' + doubled() + b'K\x01d',
    'member of a set': b'\x8f(' + doubled() + b'\x90',
    'frozen set': b'(' + doubled() + b'\x91',
    'type': b'cnumpy\ndtype\n(' + doubled() + b'tR',
    'kind of array': b'cnumpy.core.multiarray\n_reconstruct\n(' + doubled() + b'tR',
    'encoding': b'c_codecs\nencode\n(X\x01\x00\x00\x00a' + doubled() + b'tR',
    'shape': ARRAY + b'(K\x01' + doubled() + DTYPE + b'I00\n(K\x07ltb',
    'order': DTYPE + b'(K\x03' + doubled() + b'NNNK\x08K\x01K\x00tb',
    'device': b'ctorch\ndevice\n(' + doubled() + b'tR',
    'index of a device': b'ctorch\ndevice\n(X\x03\x00\x00\x00cpu' + doubled() + b'tR',
    'argument': b'ccollections\nOrderedDict\n(' + doubled() + b'tR',
    'size': TENSOR.replace(b'(K\x02t(K', b'(' + doubled() + b't(K'),
    'value': doubled(),
}


@pytest.mark.parametrize('name', ENDLESS)
@pytest.mark.timeout(20)
def test_a_tuple_that_holds_itself_ends(tmp_path, name):
    value = ARRAY + b'(K\x01)' + DTYPE + b'I00\n(' + ENDLESS[name] + b'ltb.'
    path = write(tmp_path / 'a.npy', npy(b'\x80\x04' + value))
    with pytest.raises(FormatError) as raised:
        read_npy(path)
    assert len(str(raised.value)) < len(str(path)) + 400


def stored(numbers, written):
    """Return an older file of torch that names float numbers and writes only some of them."""
    content = saved(torch.zeros(7)._typed_storage(), _use_new_zipfile_serialization=False)
    start = content.index(b'\x80\x02]q\x00')
    head, end = content[:start], content[start:]
    assert head.count(b'K\x07') == 1
    head = head.replace(b'K\x07', b'J' + struct.pack('<i', numbers))
    return head + (end if written else b'\x80\x02]q\x00.')


@pytest.mark.parametrize(('numbers', 'written'), [(100_000_000, False), (7, False), (8, True)])
def test_numbers_that_nobody_wrote(tmp_path, numbers, written):
    value = wrapped(tensor(Call(torch.storage._load_from_bytes, stored(numbers, written))))
    path = write(tmp_path / 'a.npy', npy(pickle.dumps(value)))
    with pytest.raises(FormatError, match='has a tensor without numbers'):
        read_npy(path)
    # the file is what it is meant to be
    value = wrapped(tensor(Call(torch.storage._load_from_bytes, stored(7, True))))
    write(path, npy(pickle.dumps(value)))
    assert read_npy(path)['a'].tensor.tolist() == [0, 0]


@pytest.mark.parametrize('kind', ['tensors', 'devices'])
def test_copies_are_counted(tmp_path, kind):
    if kind == 'tensors':
        storage = torch.zeros(10_000)._typed_storage()
        many = [tensor(storage, size=(10_000,)) for _ in range(100)]
    else:
        name = 'x' * 40_000
        many = [Call(torch.device, name, n % 9) for n in range(100)]
    path = write(tmp_path / 'a.npy', npy(pickle.dumps(wrapped(many))))
    assert path.stat().st_size < 100_000
    with pytest.raises(FormatError, match='holds more than it has bytes'):
        read_npy(path)


def test_a_huge_name_makes_no_huge_message(tmp_path):
    path = write(tmp_path / 'a.npy', npy(b'\x80\x02c' + b'x' * 5_000_000 + b'\nname\n.'))
    with pytest.raises(FormatError, match=r'names x{100}\.\.\., which') as raised:
        read_npy(path)
    assert len(str(raised.value)) < len(str(path)) + 300


def test_tensors_of_too_many_dimensions(tmp_path):
    for size in ((1,) * 65, (2**64, 1)):
        forged = tensor(NUMBERS, size=size, stride=(0,) * len(size))
        path = write(tmp_path / 'a.npy', npy(pickle.dumps(wrapped(forged))))
        with pytest.raises(FormatError, match='has a tensor of an impossible shape'):
            read_npy(path)


def test_the_same_bytes_are_not_read_again_and_again(tmp_path):
    numbers = saved(torch.zeros(30000)._typed_storage(), _use_new_zipfile_serialization=False)
    many = [tensor(Call(torch.storage._load_from_bytes, numbers)) for _ in range(50)]
    path = write(tmp_path / 'a.npy', npy(pickle.dumps(wrapped(many))))
    assert path.stat().st_size < 2 * len(numbers)
    with pytest.raises(FormatError, match='holds more than it has bytes'):
        read_npy(path)
