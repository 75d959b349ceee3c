import pytest

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas import (
    CORPUS_SCHEMA,
    SHARD_SIZE,
    failed_path,
    read_failed,
    read_shard,
    shard_path,
    write_failed,
    write_json,
    write_parquet,
)

ROW = dict(
    image_id='a',
    class_name='cat',
    kind='fg',
    question_id='fine_1',
    question='What kind of cat?',
    answer='tabby',
    text='tabby cat',
    score=-0.5,
)


def write(path, *rows):
    write_parquet(path, {k: [{**ROW, **r}[k] for r in rows] for k in ROW}, CORPUS_SCHEMA)
    return path


def test_shard_round_trip(tmp_path):
    path = write(shard_path(tmp_path, 7), ROW, dict(image_id='b', kind='bg', question_id='scene_3'))
    assert path.name == 'part-00007.parquet'
    assert read_shard(path).to_pylist() == [
        ROW,
        {**ROW, 'image_id': 'b', 'kind': 'bg', 'question_id': 'scene_3'},
    ]


@pytest.mark.parametrize(
    ('rows', 'message'),
    [
        ([dict(image_id='b'), dict(image_id='a')], 'images that are not in the order'),
        ([dict(image_id=f'{i:04d}') for i in range(SHARD_SIZE + 1)], '513 images, more than the'),
        ([dict(score=float('nan'))], 'scores that are not finite'),
        ([dict(kind='bg')], "a question 'fine_1' of kind 'bg'"),
        ([dict(question_id='colour_1')], "a question 'colour_1' of kind 'fg'"),
        ([dict(text=None)], '1 empty cells in its column text'),
    ],
)
def test_shards_that_the_stage_does_not_write(tmp_path, rows, message):
    path = write(tmp_path / 'part-00000.parquet', *rows)
    with pytest.raises(FormatError, match=f'{message}.*run (the qape|its) stage again'):
        read_shard(path)


def test_failed_images(tmp_path):
    path = failed_path(tmp_path, 3)
    assert path.name == 'part-00003.failed.json'
    write_failed(path, {'sub dir/ä': 'it is broken', 'b': ''})
    assert read_failed(path) == {'sub dir/ä': 'it is broken', 'b': ''}


@pytest.mark.parametrize(
    'value', [[], [['a', 'b']], 'a', None, 3, {'a': 1}, {'a': None}, {'a': ['b']}]
)
def test_other_lists_of_failed_images(tmp_path, value):
    write_json(failed_path(tmp_path, 0), value)
    with pytest.raises(FormatError, match=r'failed\.json is not {image: reason}; delete it'):
        read_failed(failed_path(tmp_path, 0))
