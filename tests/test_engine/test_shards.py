import argparse

import pytest

from qaclims_mm.engine.shards import Shard, parse_shard


@pytest.mark.parametrize('text', ['1/1', '2/3', '12/400'])
def test_what_is_read_is_written(text):
    assert str(parse_shard(text)) == text


@pytest.mark.parametrize(
    'text', ['0/3', '4/3', '1', '1/', '/2', '-1/2', '1/2/3', '1.0/2', 'a/b', '', '1/0', '٢/٣']
)
def test_what_is_no_shard(text):
    with pytest.raises(argparse.ArgumentTypeError, match='must be K/N with 1 <= K <= N'):
        parse_shard(text)


@pytest.mark.parametrize('count', [1, 2, 3, 7, 9])
def test_shards_share_the_images_and_keep_units_together(count):
    units = [['a', 'b'], ['c'], ['d', 'e', 'f'], ['g'], ['h'], ['i'], ['j']]
    parts = [Shard(k, count).share(units) for k in range(1, count + 1)]
    assert sorted(i for part in parts for i in part) == list('abcdefghij')
    for unit in units:
        assert sum(bool(part & set(unit)) for part in parts) == 1
