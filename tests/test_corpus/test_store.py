import tempfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import strategies
from hypothesis import given
from hypothesis import strategies as st

from qaclims_mm.corpus.store import ShardRows, VQACorpus, write_shard
from qaclims_mm.errors import FormatError, StageError
from qaclims_mm.schemas import CORPUS_SCHEMA, Manifest, read_records, read_shard, shard_path

IDS = ['2007_000063', '2007_000068', 'COCO_train_9', 'sub dir/a', 'sub dir/ü']


def row(image_id, class_name='dog', number=1, **changes):
    values = dict(
        image_id=image_id,
        class_name=class_name,
        kind='fg',
        question_id=f'fine_{number}',
        question=f'What is the {class_name}?',
        answer='Beagle.',
        text='beagle dog',
        score=-0.123456,
    )
    return values | changes


def rows_of(image_id):
    """Two classes, not in the order of their names."""
    return [row(image_id, name, n) for name in ('train', 'cat') for n in (1, 2)]


def stored(rows):
    """What comes back: scores float32 and rounded."""
    scores = pa.array([round(r['score'], 4) for r in rows], pa.float32()).to_pylist()
    return [r | dict(score=s) for r, s in zip(rows, scores, strict=True)]


def write_manifest(folder, shards, stage='qape', **extra):
    Manifest(stage, 'hash', counts=dict(shards=shards), extra=extra).write(folder)


@pytest.fixture
def folder(tmp_path):
    """A corpus of three shards: the second without an answer, the third of one image."""
    folder = tmp_path / 'corpus'
    write_shard(folder, 0, {i: rows_of(i) for i in reversed(IDS[:4])})
    write_shard(folder, 1, {'sub dir/b': [], 'sub dir/c': []})
    write_shard(folder, 2, {IDS[4]: rows_of(IDS[4])})
    write_manifest(folder, 3, questions='1234')
    return folder


def test_read(folder):
    corpus = VQACorpus(folder)
    assert corpus.image_ids == IDS
    assert len(corpus) == 5
    # not in the order of the shards, so that one is read again
    for image_id in (IDS[4], IDS[0], IDS[4], IDS[2]):
        assert corpus[image_id] == stored(rows_of(image_id))
    assert list(corpus) == [(i, stored(rows_of(i))) for i in IDS]
    assert list(corpus.by_shard()) == list(corpus)


def test_images_are_read_in_the_order_of_their_ids_from_any_shard(tmp_path):
    for shard, ids in enumerate((IDS[::2], IDS[1::2])):
        write_shard(tmp_path, shard, {i: rows_of(i) for i in ids}, 2)
    write_manifest(tmp_path, 2)
    corpus = VQACorpus(tmp_path)
    assert list(corpus) == [(i, stored(rows_of(i))) for i in IDS]
    assert [i for i, _ in corpus.by_shard()] == [*IDS[::2], *IDS[1::2]]
    assert dict(corpus.by_shard()) == dict(corpus)


def test_rows_of_a_shard(folder):
    shard = ShardRows(shard_path(folder, 0))
    assert shard.image_ids == IDS[:4]
    assert shard.rows(IDS[1]) == stored(rows_of(IDS[1]))
    assert shard.rows('other') == []
    assert ShardRows(shard_path(folder, 1)).image_ids == []


@pytest.mark.parametrize(
    ('image_id', 'inside'),
    [(IDS[0], True), (IDS[4], True), ('sub dir/b', False), ('', False), ('zzz', False), (3, False)],
)
def test_contains(folder, image_id, inside):
    assert (image_id in VQACorpus(folder)) is inside


def test_scores_are_rounded(tmp_path):
    write_shard(tmp_path, 0, {'a': [row('a', score=-0.123449), row('a', score=float('-inf'))]})
    table = pq.read_table(tmp_path / 'part-00000.parquet')
    assert table.schema.equals(CORPUS_SCHEMA)
    assert (
        table['score'].to_pylist() == pa.array([-0.1234, float('-inf')], pa.float32()).to_pylist()
    )


def test_bytes_depend_on_the_rows_only(tmp_path):
    rows = {i: rows_of(i) for i in IDS}
    write_shard(tmp_path / 'a', 7, rows)
    write_shard(tmp_path / 'b', 7, dict(reversed(rows.items())))
    nearly = {i: [r | dict(score=r['score'] + 1e-7) for r in v] for i, v in rows.items()}
    write_shard(tmp_path / 'c', 7, nearly)
    first, second, third = (
        (tmp_path / f / 'part-00007.parquet').read_bytes() for f in ('a', 'b', 'c')
    )
    assert first == second == third
    assert [p.name for p in (tmp_path / 'a').iterdir()] == ['part-00007.parquet']


def test_a_shard_that_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(pa.ArrowException):
        write_shard(tmp_path, 0, {'a': [row('a', answer=object())]})
    assert list(tmp_path.iterdir()) == []


def test_metadata_say_of_which_images_a_shard_is(tmp_path):
    rows = {'b': rows_of('b'), 'a': []}
    write_shard(tmp_path, 1, rows, 4)
    default = dict(b=dict(sha256=None, classes=['train', 'cat']), a=dict(sha256=None, classes=[]))
    assert read_records(shard_path(tmp_path, 1)) == (4, default)
    images = dict(
        b=dict(sha256='00', classes=['cat']), a=dict(sha256='', failed='ü', path='\udcff')
    )
    images['a']['classes'] = []
    write_shard(tmp_path, 1, rows, 4, images | dict(c=dict(sha256='not of this shard')))
    assert read_records(shard_path(tmp_path, 1)) == (4, images)


def test_hash_names_the_corpus(folder):
    before = VQACorpus(folder).corpus_hash
    assert VQACorpus(folder).corpus_hash == before
    write_manifest(folder, 3, questions='5678')
    assert VQACorpus(folder).corpus_hash != before


def test_questions(folder):
    VQACorpus(folder).check_questions('1234')
    with pytest.raises(
        StageError,
        match=r'corpus was made with another question set \(1234 instead of 5678\); run the qape',
    ):
        VQACorpus(folder).check_questions('5678')


@pytest.mark.parametrize(
    ('asked', 'message'),
    [
        (
            '2007_000036',
            r"no answers about image '2007_000036'; did you mean 2007_00006",
        ),
        ('sub_dir/a', r"no answers about image 'sub_dir/a'; did you mean sub dir/"),
        # in a shard, but nothing was said about it
        ('sub dir/b', r"no answers about image 'sub dir/b'; did you mean sub dir/"),
        ('zebra', r"no answers about image 'zebra'\"?$"),
    ],
)
def test_unknown_image(folder, asked, message):
    with pytest.raises(KeyError, match=message):
        VQACorpus(folder)[asked]


def test_without_manifest(folder):
    (folder / 'manifest.json').unlink()
    with pytest.raises(
        FormatError, match=r'manifest\.json is missing: the stage that fills .* has not finished'
    ):
        VQACorpus(folder)


def test_of_another_stage(folder):
    write_manifest(folder, 3, stage='text_bank')
    with pytest.raises(FormatError, match=r'corpus was made by stage text_bank, not by qape\.$'):
        VQACorpus(folder)


def test_missing_shard(folder):
    (folder / 'part-00001.parquet').unlink()
    with pytest.raises(
        FormatError, match=r'part-00001\.parquet is missing; run the qape stage again, it makes'
    ):
        VQACorpus(folder)


@pytest.mark.parametrize('kept', [0, 3, -1])
def test_truncated_shard(folder, kept):
    path = folder / 'part-00002.parquet'
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(
        FormatError, match=r'part-00002\.parquet is not a readable Parquet file .*delete it and run'
    ):
        VQACorpus(folder)


def test_other_columns(folder):
    table = pq.read_table(folder / 'part-00002.parquet').drop(['text'])
    pq.write_table(table, folder / 'part-00002.parquet')
    corpus = VQACorpus(folder)
    with pytest.raises(
        FormatError, match=r"part-00002\.parquet lacks the columns \['text'\]: another version"
    ):
        corpus[IDS[4]]


@strategies.fast
@given(
    st.dictionaries(
        strategies.image_ids, st.lists(strategies.names, min_size=1, max_size=3, unique=True)
    ),
    strategies.texts,
)
def test_names_come_back_as_they_were_written(classes_of, answer):
    rows_of = {
        i: [row(i, name, answer=answer, text=name) for name in names]
        for i, names in classes_of.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        write_shard(folder, 0, rows_of)
        write_manifest(folder, 1)
        corpus = VQACorpus(folder)
        assert corpus.image_ids == sorted(rows_of)
        assert dict(corpus) == {i: stored(rows) for i, rows in rows_of.items()}
        read_shard(shard_path(folder, 0))


@pytest.mark.parametrize(
    ('rows', 'message'),
    [
        ([row('a', score=float('nan'))], 'scores that are not finite'),
        ([row('a'), row('a', answer='Poodle.')], 'rows that stand twice'),
        ([row('a', question_id='x_1')], "a question 'x_1' of kind 'fg'"),
        ([row('a', kind='bg')], "a question 'fine_1' of kind 'bg'"),
    ],
)
def test_rows_that_no_stage_writes(tmp_path, rows, message):
    write_shard(tmp_path, 0, {'a': rows})
    path = shard_path(tmp_path, 0)
    for read in (ShardRows, read_shard):
        with pytest.raises(FormatError, match=rf'^{path} has {message}; delete it and run'):
            read(path)
