import hashlib

import pytest

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas import (
    CORPUS_SCHEMA,
    SHARD_SIZE,
    ImageRecord,
    ShardRecords,
    hash_shards,
    ids_by_shard,
    number_of_shards,
    read_records,
    read_shard,
    shard_of,
    shard_path,
    write_parquet,
)
from qaclims_mm.schemas.corpus import (
    IMAGES_KEY,
    SHARDS_KEY,
    next_folder,
    records_as_metadata,
    shard_files,
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
CAT = dict(sha256='0' * 64, classes=['cat'])


def write(path, *rows, shards=1, images=None, metadata=None):
    rows = [{**ROW, **row} for row in rows]
    images = {row['image_id']: CAT for row in rows} if images is None else images
    metadata = records_as_metadata(ShardRecords(shards, images)) if metadata is None else metadata
    write_parquet(path, {k: [row[k] for row in rows] for k in ROW}, CORPUS_SCHEMA, metadata)
    return path


@pytest.mark.parametrize(
    ('images', 'shards'),
    [(0, 1), (1, 1), (512, 1), (513, 2), (1024, 2), (1025, 4), (10582, 32), (82783, 256)],
)
def test_number_of_shards(images, shards):
    assert number_of_shards(images) == shards


@pytest.mark.parametrize('image_id', ['a', 'sub dir/ü', '2007_000063'])
def test_the_first_bits_of_a_hash_say_the_shard(image_id):
    bits = f'{int(hashlib.sha256(image_id.encode()).hexdigest(), 16):0256b}'
    assert shard_of(image_id, 1) == 0
    for n in range(1, 16):
        assert shard_of(image_id, 2**n) == int(bits[:n], 2)


def test_ids_by_shard():
    ids = [f'img_{n:05d}' for n in range(4000)]
    parts = ids_by_shard(reversed(ids), 8)
    assert all(part == sorted(part) for part in parts)
    assert {i: n for n, part in enumerate(parts) for i in part} == {i: shard_of(i, 8) for i in ids}
    assert all(400 < len(part) < 600 for part in parts)
    # a shard becomes two, so that each new one is made of one old one
    halves = ids_by_shard(ids, 16)
    assert [sorted(halves[2 * n] + halves[2 * n + 1]) for n in range(8)] == parts
    assert SHARD_SIZE == 512


def test_files(tmp_path):
    paths = [write(shard_path(tmp_path, n), ROW) for n in (0, 7, 123456)]
    assert [p.name for p in paths] == [
        'part-00000.parquet',
        'part-00007.parquet',
        'part-123456.parquet',
    ]
    (tmp_path / 'part-1.parquet').write_bytes(b'')
    (tmp_path / 'part-00000.failed.json').write_bytes(b'')
    assert list(shard_files(tmp_path)) == [(0, paths[0]), (7, paths[1]), (123456, paths[2])]
    assert next_folder(tmp_path, 32) == tmp_path / 'next-00032'


def test_a_record_has_the_reason_and_path_of_a_failed_image():
    plain = ImageRecord('x/a.jpg', '00', ('cat', 'dog'))
    assert plain.as_json() == dict(sha256='00', classes=['cat', 'dog'])
    named = ImageRecord('x/a.jpg', '', ('cat',), dict(cat=['puss']))
    assert named.as_json('gone') == dict(
        sha256='', classes=['cat'], aliases=dict(cat=['puss']), failed='gone', path='x/a.jpg'
    )


def test_shard_round_trip(tmp_path):
    rows = ROW, dict(image_id='b', kind='bg', question_id='scene_3')
    images = dict(a=CAT, b=CAT, c=dict(sha256='', classes=['cat'], failed='gone', path='c.jpg'))
    path = write(tmp_path / 'part-00000.parquet', *rows, images=images)
    assert read_shard(path).to_pylist() == [ROW, {**ROW, **rows[1]}]
    assert read_records(path) == (1, images)


@pytest.mark.parametrize('question_id', ['color_2', 'texture_1', 'caption_1'])
def test_questions_of_no_set(tmp_path, question_id):
    row = dict(question_id=question_id)
    path = write(tmp_path / 'part-00000.parquet', ROW, row)
    assert read_shard(path).to_pylist() == [ROW, ROW | row]


def test_other_bytes_are_another_hash(tmp_path):
    def hash_of(*texts):
        for n, text in enumerate(texts):
            write(shard_path(tmp_path, n), dict(text=text))
        return hash_shards(tmp_path, len(texts))

    first = hash_of('a', 'b')
    assert first == hash_of('a', 'b')
    assert len({first, hash_of('a', 'c'), hash_of('b', 'a'), hash_of('a')}) == 4


@pytest.mark.parametrize(
    ('rows', 'message'),
    [
        ([dict(image_id='b'), dict(image_id='a')], 'images that are not in the order'),
        ([dict(score=float('nan'))], 'scores that are not finite'),
        ([dict(kind='bg')], "a question 'fine_1' of kind 'bg'"),
        ([dict(question_id='caption_1', kind='bg')], "a question 'caption_1' of kind 'bg'"),
        ([dict(question_id='colour_1')], "a question 'colour_1' of kind 'fg'"),
        ([dict(text=None)], '1 empty cell in its column text'),
        ([dict(class_name='dog')], "answers about other images or classes .* 'a'"),
    ],
)
def test_rows_that_the_stage_does_not_write(tmp_path, rows, message):
    path = write(tmp_path / 'part-00000.parquet', *rows)
    with pytest.raises(FormatError, match=f'{message}.*run (the qape|its) stage again'):
        read_shard(path)


@pytest.mark.parametrize(
    ('images', 'shards', 'message'),
    [
        (dict(a=CAT), 3, '3 as the number of shards in its metadata, which is no power of two'),
        (dict(a=CAT), 0, '0 as the number of shards'),
        # sha256 of "a" begins with 1100 in binary
        (dict(a=CAT), 8, "image 'a', which belongs into part-00006.parquet of 8 shards"),
        (dict(a=CAT, b=CAT), 1, "answers about other images or classes than .* 'b'"),
        ({}, 1, "answers about other images or classes than .* 'a'"),
        (dict(a=CAT | dict(failed='x', path='p')), 1, 'answers about other images or classes'),
        ({'a': 1}, 1, 'metadata that are not {image: record}'),
        ({'a': {}}, 1, 'metadata that are not {image: record}'),
        ({'a': dict(CAT, classes=[1])}, 1, 'metadata that are not {image: record}'),
        ({'a': dict(CAT, sha256=1)}, 1, 'metadata that are not {image: record}'),
        ({'a': dict(CAT, failed=1)}, 1, 'metadata that are not {image: record}'),
        ({'a': dict(CAT, aliases=['x'])}, 1, 'metadata that are not {image: record}'),
    ],
)
def test_metadata_that_the_stage_does_not_write(tmp_path, images, shards, message):
    path = write(tmp_path / 'part-00000.parquet', ROW, images=images, shards=shards)
    with pytest.raises(FormatError, match=f'{message}.*delete it and run the qape stage again'):
        read_shard(path)


@pytest.mark.parametrize(
    'metadata',
    [
        {'other': ''},
        {SHARDS_KEY: '1'},
        {SHARDS_KEY: 'one', IMAGES_KEY: '{}'},
        {SHARDS_KEY: '1', IMAGES_KEY: '{'},
        {SHARDS_KEY: '1', IMAGES_KEY: '[' * 100_000},
    ],
)
def test_shard_without_its_metadata(tmp_path, metadata):
    path = write(tmp_path / 'part-00000.parquet', ROW, metadata=metadata)
    with pytest.raises(FormatError, match=r'does not list its images in its metadata .* again'):
        read_records(path)
