import json
import math
from pathlib import Path

import pytest

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas import RunConfig, read_run_config, run_config_path, write_run_config
from qaclims_mm.schemas.run_config import MAX_DEPTH


def content(**changes):
    return dict(schema=1, mode='test', file='c.py', values={}) | changes


def nested(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


def test_round_trip(tmp_path):
    values = dict(z=1, a=dict(type='A', b=[1, 2.5, None, True, 'é']))
    write_run_config(tmp_path / 'new', 'train', 'c.py', values)
    path = run_config_path(tmp_path / 'new', 'train')
    assert path == tmp_path / 'new/train_config.json'
    found = read_run_config(path)
    assert found == RunConfig('train', 'c.py', values)
    # a reader sees the order of the config
    assert list(found.values) == ['z', 'a']
    assert 'é' in path.read_text(encoding='utf-8')


@pytest.mark.parametrize(
    ('value', 'written'),
    [
        ((1, (2,)), [1, [2]]),
        ({1: 'a', None: 'b'}, {'1': 'a', 'None': 'b'}),
        (math.nan, 'nan'),
        (math.inf, 'inf'),
        (Path, "<class 'pathlib.Path'>"),
        ({1}, '{1}'),
        ('\udc80', '\udc80'),
    ],
)
def test_values_that_json_lacks(tmp_path, value, written):
    write_run_config(tmp_path, 'test', '', dict(x=value))
    assert read_run_config(tmp_path / 'test_config.json').values == dict(x=written)


def test_bytes_do_not_depend_on_the_memory(tmp_path):
    write_run_config(tmp_path, 'test', '', dict(x=object()))
    assert read_run_config(tmp_path / 'test_config.json').values == dict(x='<object object>')


def test_unknown_mode(tmp_path):
    with pytest.raises(ValueError, match="mode must be one of train, test, but got 'val'"):
        write_run_config(tmp_path, 'val', '', {})


@pytest.mark.parametrize(
    ('value', 'problem'),
    [
        ([], 'holds a list instead of a dict'),
        ('x', 'holds a str instead of a dict'),
        (None, 'holds a NoneType instead of a dict'),
        (content(schema=2), 'has schema 2, but this version reads 1'),
        (content(schema=True), 'has schema bool, but this version reads 1'),
        (content(schema=nested(900)), 'has schema list, but'),
        ({}, 'has schema NoneType, but'),
        (dict(schema=1), 'must have the keys file, mode, schema, values'),
        (content(more=1), 'must have the keys file, mode, schema, values'),
        (content(mode='val'), 'must have train or test as its mode'),
        (content(mode=[]), 'must have train or test as its mode'),
        (content(file=None), 'must have a string as its file'),
        (content(values=[]), 'a dict as its values'),
        (content(values=dict(x=nested(MAX_DEPTH))), f'nested more than {MAX_DEPTH} levels deep'),
        (content(values=dict(x=math.nan)), 'is not JSON in UTF-8'),
    ],
)
def test_something_else(tmp_path, value, problem):
    path = tmp_path / 'test_config.json'
    path.write_text(json.dumps(value))
    with pytest.raises(FormatError, match=rf'test_config.json .*{problem}.*; delete it and run'):
        read_run_config(path)


@pytest.mark.parametrize(
    ('text', 'problem'),
    [
        (b'', 'is not JSON in UTF-8'),
        (b'import os', 'is not JSON in UTF-8'),
        (b'"\xff"', 'is not JSON in UTF-8'),
        (b'9' * 10_000, 'is not JSON in UTF-8'),
        (b'[' * 100_000, 'is nested too deeply'),
        (b'{"a":' * 100_000, 'is nested too deeply'),
    ],
)
def test_no_json(tmp_path, text, problem):
    path = tmp_path / 'test_config.json'
    path.write_bytes(text)
    with pytest.raises(FormatError, match=rf'test_config.json {problem}.*; delete it and run'):
        read_run_config(path)


def test_the_deepest_that_is_read(tmp_path):
    write_run_config(tmp_path, 'test', '', dict(x=nested(MAX_DEPTH - 1)))
    assert read_run_config(tmp_path / 'test_config.json').values


def test_missing(tmp_path):
    with pytest.raises(FormatError, match=r'test_config.json does not exist; run train.py or'):
        read_run_config(tmp_path / 'test_config.json')
