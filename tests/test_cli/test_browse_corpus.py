import os
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tool_runs import run_tool, start_tool

from qaclims_mm.corpus.store import write_shard
from qaclims_mm.schemas import Manifest

# kind, question_id, question, answer, text, score
SAID = {
    'dog': [
        ('fg', 'fine_1', 'What kind of dog?', 'a [MASK] puppy', 'puppy dog', -0.125),
        ('bg', 'object_1', 'What is above the dog?', 'Sky.', 'sky', -1.5),
    ],
    'cat': [('bg', 'scene_1', 'What scene is the cat in?', '[/bold]', '', -2.0)],
}
STRANGE = '[/b] café \x1b[31m'
NAMES = ('kind', 'question_id', 'question', 'answer', 'text', 'score')


@pytest.fixture
def corpus(tmp_path):
    rows = {
        image_id: [
            dict(image_id=image_id, class_name=name, **dict(zip(NAMES, row, strict=True)))
            for name, said in SAID.items()
            for row in said
        ]
        for image_id in ('2007_000063', '2007_000068', 'a [b]/1')
    }
    write_shard(tmp_path / 'corpus', 0, rows)
    counts = dict(images=3, answers=9, empty=3, shards=1)
    Manifest('qape', 'c', counts=counts).write(tmp_path / 'corpus')
    return tmp_path / 'corpus'


def cells(text):
    return [
        [cell.strip() for cell in line.strip('│').split('│')]
        for line in text.splitlines()
        if line.startswith('│')
    ]


def test_as_a_process(corpus, tmp_path):
    done = start_tool('browse_corpus', 'corpus', '2007_000063', cwd=tmp_path)
    assert done.status == 0, done.text
    assert cells(done.text) == [
        ['What kind of dog?', 'a [MASK] puppy', 'puppy dog', '-0.12'],
        ['What is above the dog?', 'Sky.', 'sky', '-1.50'],
        ['What scene is the cat in?', '[/bold]', '', '-2.00'],
    ]
    assert re.findall(r'(dog|cat) in 2007_000063', done.text) == ['dog', 'cat']


def test_colours(corpus, capsys, monkeypatch):
    monkeypatch.setenv('FORCE_COLOR', '1')
    monkeypatch.setenv('TERM', 'xterm')
    text = run_tool('browse_corpus', corpus, '2007_000063', capsys=capsys).text
    green, red, bold = '\x1b[32m', '\x1b[31m', '\x1b[1'
    lines = {line for line in text.splitlines() if green in line or red in line}
    assert {('puppy' in line, green in line, red in line) for line in lines} == {
        (True, True, False),
        (False, False, True),
    }
    assert len(lines) == 3
    assert re.search(rf'{re.escape(bold)}[;\d]*mdog', text)


def test_class_that_is_called_strangely(tmp_path, monkeypatch):
    row = dict(
        image_id=STRANGE, class_name=STRANGE, **dict(zip(NAMES, SAID['dog'][0], strict=True))
    )
    write_shard(tmp_path / 'corpus', 0, {STRANGE: [row | dict(answer=':cat: \r [red]é')]})
    Manifest('qape', 'c', counts=dict(images=1, answers=1, empty=0, shards=1)).write(
        tmp_path / 'corpus'
    )
    # a terminal that knows no é
    monkeypatch.setenv('PYTHONIOENCODING', 'ascii')
    done = start_tool('browse_corpus', 'corpus', STRANGE, cwd=tmp_path)
    assert done.status == 0, done.text
    shown = r'[/b] caf\xe9 \x1b[31m'
    assert f'{shown} in {shown}' in done.text
    assert r'| :cat: \r [red]\xe9 | puppy dog' in done.text
    assert done.text.isascii()


def test_brackets_in_an_id_are_no_markup(corpus, capsys):
    assert 'dog in a [b]/1' in run_tool('browse_corpus', corpus, 'a [b]/1', capsys=capsys).text


def test_unknown_image(corpus, capsys):
    done = run_tool('browse_corpus', corpus, '2007_00063', capsys=capsys)
    assert done.status == 1
    assert re.fullmatch(
        r".*/corpus has no answers about image '2007_00063'; did you mean 2007_000063, .*\?",
        done.text,
    )


def test_unfinished_corpus(tmp_path, capsys):
    done = run_tool('browse_corpus', tmp_path / 'absent', 'a', capsys=capsys)
    assert done.status == 1
    assert re.fullmatch(
        r'error: .*absent/manifest.json is missing: the stage that fills .* has not finished; '
        r'run it\. qaclims run makes all stages that a plan lacks\.',
        done.text,
    )


def test_missing_shard(corpus, capsys):
    (corpus / 'part-00000.parquet').unlink()
    done = run_tool('browse_corpus', corpus, '2007_000063', capsys=capsys)
    assert done.status == 1
    assert re.match(r'error: .*part-00000.parquet is missing; run the qape stage again', done.text)


def numbers_for_ids(corpus):
    table = pq.read_table(corpus / 'part-00000.parquet')
    ids = pa.array(range(len(table)), pa.int64())
    pq.write_table(table.set_column(0, 'image_id', ids), corpus / 'part-00000.parquet')


def no_texts(corpus):
    table = pq.read_table(corpus / 'part-00000.parquet')
    column = table.schema.get_field_index('question')
    empty = pa.array([None] * len(table), pa.string())
    pq.write_table(table.set_column(column, 'question', empty), corpus / 'part-00000.parquet')


def pipe(corpus):
    (corpus / 'part-00000.parquet').unlink()
    os.mkfifo(corpus / 'part-00000.parquet')


def counted(**counts):
    return lambda corpus: Manifest('qape', 'c', counts=counts).write(corpus)


BROKEN = {
    'no count': (counted(), 'manifest.json does not count shards; run the qape stage again'),
    '-1 shards': (counted(shards=-1), r'is no manifest \(counts not as written\)'),
    '10 ** 12 shards': (counted(shards=10**12), 'part-00001.parquet is missing; run the qape'),
    '10 ** 30 shards': (counted(shards=10**30), r'is no manifest \(counts not as written\)'),
    'True shards': (counted(shards=True), r'is no manifest \(counts not as written\)'),
    'numbers for ids': (numbers_for_ids, 'has a column image_id of int64 instead of string'),
    'empty cells': (no_texts, r'has \d+ empty cells in its column question'),
    'pipe': (pipe, 'part-00000.parquet is not a regular file'),
    'stage': (
        lambda corpus: Manifest('a\nb', 'c', counts=dict(shards=1)).write(corpus),
        r"was made by stage 'a\\nb', not by qape",
    ),
}


@pytest.mark.parametrize(('damage', 'message'), BROKEN.values(), ids=BROKEN)
def test_a_broken_corpus_is_one_line(corpus, capsys, damage, message):
    damage(corpus)
    done = run_tool('browse_corpus', corpus, '2007_000063', capsys=capsys)
    assert done.status == 1
    assert re.fullmatch(f'error: .*{message}.*', done.text)
