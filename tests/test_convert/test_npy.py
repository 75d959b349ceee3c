import collections
import pickle
import struct
import time

import numpy as np
import pytest
import torch
from released_files import Call, npy, saved, wrapped, write

from qaclims_mm.convert.npy import read_npy
from qaclims_mm.convert.pickled_values import PickledTensor
from qaclims_mm.errors import FormatError


def unwrap(value):
    """Return a content with tensors in place of what holds them."""
    if isinstance(value, PickledTensor):
        return value.tensor
    if isinstance(value, dict):
        return {k: unwrap(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(unwrap(v) for v in value)
    return value


CONTENT = {
    '2007_000032': {
        np.str_('dining table'): {
            'vqa': [('what is above the {}?', "man's"), ('what?', '')],
            'answers': ['crème brûlée', np.str_('猫')],
            'numbers': [1, -2.5, True, None, 2**70, np.float32(0.5), np.int64(-3), np.bool_(True)],
        }
    },
    'COCO_train2014_000000000009': {},
}


@pytest.mark.parametrize('protocol', [2, 3, 4, 5])
def test_plain_data_of_every_protocol(tmp_path, protocol):
    pickled = pickle.dumps(np.array(CONTENT, dtype=object), protocol=protocol)
    found = read_npy(write(tmp_path / 'a.npy', npy(pickled)))
    assert found == CONTENT
    [name] = found['2007_000032']
    assert type(name) is str
    assert [type(v) for v in found['2007_000032'][name]['numbers'][5:]] == [float, int, bool]


def test_a_text_without_characters(tmp_path):
    np.save(tmp_path / 'a.npy', dict(a=np.str_('')))
    assert read_npy(tmp_path / 'a.npy') == dict(a='')


def test_names_of_older_numpy(tmp_path):
    pickled = pickle.dumps(np.array(CONTENT, dtype=object), protocol=2)
    older = pickled.replace(b'numpy._core.multiarray', b'numpy.core.multiarray')
    assert older != pickled
    assert read_npy(write(tmp_path / 'a.npy', npy(older))) == CONTENT


def test_as_numpy_saves_it(tmp_path):
    np.save(tmp_path / 'a.npy', CONTENT)
    assert read_npy(str(tmp_path / 'a.npy')) == CONTENT


TENSORS = {
    'half': torch.randn(2, 5).half(),
    'bfloat16': torch.randn(2, 5).bfloat16(),
    'float': torch.randn(1, 5),
    'double': torch.randn(3).double(),
    'transposed': torch.randn(4, 3).T,
    'part of a larger one': torch.randn(6, 4)[2:4, 1:3],
    'expanded in a dimension of one': torch.randn(1, 4)[:, ::2],
    'a number': torch.tensor(2.5),
    'empty': torch.zeros(0, 5),
    'parameter': torch.nn.Parameter(torch.randn(2)),
    'of numpy': torch.from_numpy(np.arange(3.0)),
}


@pytest.mark.parametrize('protocol', [2, 4])
def test_tensors(tmp_path, protocol):
    pickled = pickle.dumps(wrapped(TENSORS), protocol=protocol)
    found = unwrap(read_npy(write(tmp_path / 'a.npy', npy(pickled))))['a']
    for name, wanted in TENSORS.items():
        assert found[name].dtype == wanted.dtype
        assert torch.equal(found[name], wanted.detach()), name
        # nothing else is kept in memory with it
        assert found[name].untyped_storage().nbytes() == wanted.numel() * wanted.element_size()


def test_types_and_devices_are_names(tmp_path):
    profile = dict(dtype=torch.float32, device=torch.device('cuda:0'), other=torch.float16)
    np.save(tmp_path / 'a.npy', profile)
    found = read_npy(tmp_path / 'a.npy')
    assert found == dict(dtype='torch.float32', device='cuda:0', other='torch.float16')


def test_ordered_dict(tmp_path):
    np.save(tmp_path / 'a.npy', dict(a=collections.OrderedDict(x=1)))
    assert read_npy(tmp_path / 'a.npy') == dict(a=dict(x=1))


@pytest.mark.parametrize(
    'value',
    [
        np.zeros(2),
        np.array([1, 'a'], dtype=object),
        np.zeros(1, [('x', 'O')]),
        np.zeros(1, [('x', 'f4')])[0],
        np.datetime64(1, 'D'),
        np.complex64(1),
        np.dtype('f4'),
        {1, 2},
        b'bytes',
        1j,
        range(3),
        {1: 2},
        {('a', 'b'): 2},
    ],
    ids=repr,
)
def test_other_values(tmp_path, value):
    np.save(tmp_path / 'a.npy', wrapped(value))
    with pytest.raises(FormatError, match='is not one of the released files and was not run'):
        read_npy(tmp_path / 'a.npy')


@pytest.mark.parametrize('share', [0, 0.001, 0.01, 0.1, 0.5, 0.9, 0.999])
def test_truncated(tmp_path, share):
    np.save(tmp_path / 'a.npy', dict(a=[torch.ones(50), 'text' * 100]))
    content = (tmp_path / 'a.npy').read_bytes()
    path = write(tmp_path / 'a.npy', content[: int(share * len(content))])
    with pytest.raises(FormatError, match=rf'^{path} is truncated or no array of one object'):
        read_npy(path)


@pytest.mark.parametrize(
    ('value', 'message'),
    [
        (np.zeros(3), r'is an array of float64 and shape \(3,\) instead of one object'),
        (np.zeros(()), r'is an array of float64 and shape \(\)'),
        (np.array(['a', None], dtype=object), r'is an array of object and shape \(2,\)'),
        (np.zeros((), [('a', 'O')]), 'is an array of'),
    ],
)
def test_other_arrays(tmp_path, value, message):
    np.save(tmp_path / 'a.npy', value)
    with pytest.raises(FormatError, match=message):
        read_npy(tmp_path / 'a.npy')


@pytest.mark.parametrize(
    'content',
    [b'text', pickle.dumps({}), saved({}), npy(b'', dtype='|V8'), npy(pickle.dumps({'a': 1}))],
)
def test_other_files(tmp_path, content):
    with pytest.raises(FormatError, match=str(tmp_path)):
        read_npy(write(tmp_path / 'a.npy', content))


def test_a_version_of_names_in_unicode(tmp_path):
    content = bytearray(npy(pickle.dumps(wrapped(1))))
    content[6] = 3
    with pytest.raises(FormatError, match=r'is of version \(3, 0\)'):
        read_npy(write(tmp_path / 'a.npy', bytes(content)))


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='absent'):
        read_npy(tmp_path / 'absent.npy')


def doubled(depth, width=2):
    value = 'x'
    for _ in range(depth):
        value = [value] * width
    return value


BOMBS = {
    'memo': b'Nr\xff\xff\xff\xff.',
    'bytes': b'\x8e' + struct.pack('<Q', 1 << 45) + b'.',
    'text': b'\x8d' + struct.pack('<Q', 1 << 45) + b'.',
    'byte array': b'\x96' + struct.pack('<Q', 1 << 36) + b'.',
    'frame': b'\x80\x04\x95' + struct.pack('<Q', 1 << 45) + b'.',
    'long number': b'\x8b' + struct.pack('<i', (1 << 31) - 1) + b'.',
    'nested': pickle.dumps(wrapped(doubled(40))),
    'deep': pickle.dumps(wrapped(doubled(9, 1))),
    'wide': pickle.dumps(wrapped(doubled(4, 3000))),
    'storage read often': pickle.dumps(
        wrapped([Call(torch.storage._load_from_bytes, b'\x80\x02' * 50000)] * 2)
    ),
}


@pytest.mark.parametrize('name', BOMBS)
def test_small_files_do_not_fill_the_memory(tmp_path, name):
    path = write(tmp_path / 'a.npy', npy(BOMBS[name]))
    start = time.process_time()
    with pytest.raises(FormatError, match=str(path)):
        read_npy(path)
    assert time.process_time() - start < 5
