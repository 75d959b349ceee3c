import re

import pytest
import torch
from tool_runs import run_tool

from qaclims_mm.corpus.store import write_shard
from qaclims_mm.schemas import Manifest, check_text_bank, manifest_hash
from qaclims_mm.vlms.clip.open_clip import CLIPTextHead

CONFIG = """
import os
root = os.environ['QACLIMS_ROOT']
default_scope = 'mmseg'
custom_imports = dict(imports=['qaclims_mm.plugin'], allow_failed_imports=False)
model = dict(text_bank=f'{root}/text_bank')
text_encoding = dict(
    corpus=f'{root}/corpus',
    text_head=dict(type='CLIPTextHead', model='miniworld://clip', batch_size=2),
    prompt='a photo of {answer}',
    bg_filter='none',
    groups=('fine', 'object'),
)
"""
# image, class, kind, question, text
ROWS = [
    ('img_0', 'cat', 'fg', 'fine_1', 'tabby cat'),
    ('img_0', 'cat', 'fg', 'alias_1', 'kitty cat'),  # of a group that is not in use
    ('img_0', 'cat', 'bg', 'object_1', 'clock'),
    ('img_0', 'cat', 'bg', 'object_2', 'carpet'),
    ('img_1', 'boat', 'fg', 'fine_1', ''),  # an answer of which nothing was left
    ('img_1', 'boat', 'bg', 'object_1', 'sun'),
    ('img_1', 'cat', 'fg', 'fine_1', 'tabby cat'),
    ('img_1', 'cat', 'bg', 'object_1', 'sun'),
]


@pytest.fixture
def work(tmp_path, monkeypatch):
    names = ('image_id', 'class_name', 'kind', 'question_id', 'text')
    rows_of = {'img_0': [], 'img_1': []}
    for row in ROWS:
        rest = dict(question='?', answer='a', score=-1.0)
        rows_of[row[0]].append(dict(zip(names, row, strict=True)) | rest)
    write_shard(tmp_path / 'corpus', 0, rows_of)
    counts = dict(images=2, answers=len(ROWS), empty=1, shards=1)
    failed = [['img_2', 'cannot be read']]
    Manifest('qape', 'c', counts=counts, failed=failed).write(tmp_path / 'corpus')
    (tmp_path / 'config.py').write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('QACLIMS_ROOT', '.')
    return tmp_path


def encode(capsys, *options):
    return run_tool('encode_texts', 'config.py', '--work-dir', 'run', *options, capsys=capsys)


def test_text_bank(work, capsys):
    done = encode(capsys)
    assert done.status == 0, done.text
    assert '8 texts of 3 pairs in ./text_bank' in done.text
    files = check_text_bank(work / 'text_bank')
    # each text once, in the order in which it is first met; labels and "no ..." too
    assert sorted(files.texts) == sorted(
        ['cat', 'tabby cat', 'clock', 'carpet', 'no cat', 'boat', 'sun', 'no boat']
    )
    head = CLIPTextHead('miniworld://clip').load()
    for row, text in enumerate(files.texts):
        alone = head.encode([f'a photo of {text}'])[0]
        torch.testing.assert_close(files.embeddings[row].float(), alone, atol=1e-3, rtol=0)
    pairs = [
        {k: _texts(files.texts, v) for k, v in row.items() if k in ('label', 'fg', 'bg', 'no')}
        for row in files.index.to_pylist()
    ]
    assert [(r['image_id'], r['class_name']) for r in files.index.to_pylist()] == [
        ('img_0', 'cat'),
        ('img_1', 'boat'),
        ('img_1', 'cat'),
    ]
    assert pairs == [
        dict(label='cat', fg=['tabby cat'], bg=['clock', 'carpet'], no='no cat'),
        dict(label='boat', fg=[], bg=['sun'], no='no boat'),
        dict(label='cat', fg=['tabby cat'], bg=['sun'], no='no cat'),
    ]


def _texts(texts, rows):
    return [texts[r] for r in rows] if isinstance(rows, list) else texts[rows]


def test_where_it_comes_from(work, capsys):
    encode(capsys)
    corpus = manifest_hash(work / 'corpus')
    files = check_text_bank(work / 'text_bank')
    assert files.metadata == dict(
        schema='1',
        clip='miniworld://clip',
        weights_sha256=CLIPTextHead('miniworld://clip').load().weights_sha256,
        prompt='a photo of {answer}',
        corpus_hash=corpus,
        failed='img_2',
    )
    manifest = Manifest.read(work / 'text_bank')
    assert manifest.inputs == dict(corpus=corpus)
    assert manifest.counts == dict(texts=len(files.texts), pairs=3)
    assert manifest.failed == [['img_2', 'cannot be read']]


def test_equal_runs_give_equal_bytes_and_another_prompt_does_not(work, capsys):
    def run(*options):
        encode(capsys, *options)
        return {p.name: p.read_bytes() for p in (work / 'text_bank').iterdir()}

    first = run()
    assert run() == first
    other = run('--cfg-options', 'text_encoding.prompt=photo of {answer}')
    assert {name for name in first if other[name] != first[name]} == {
        'texts.safetensors',
        'manifest.json',
    }


EDIT = """
_base_ = './config.py'
text_encoding = dict(
    edit=dict(type='ListedBackgrounds', lists=dict(cat=['lawn', 'tree'], boat=['{sea}']))
)
"""


def test_an_edit_of_the_answers(work, capsys):
    encode(capsys)
    before = Manifest.read(work / 'text_bank')
    (work / 'edited.py').write_text(EDIT)
    done = run_tool('encode_texts', 'edited.py', '--work-dir', 'run', capsys=capsys)
    assert done.status == 0, done.text
    files = check_text_bank(work / 'text_bank')
    rows = files.index.to_pylist()
    assert [_texts(files.texts, r['bg']) for r in rows] == [['lawn', 'tree'], ['{sea}'], ['lawn']]
    assert [_texts(files.texts, r['fg']) for r in rows] == [['tabby cat'], [], ['tabby cat']]
    # it is another bank of the same corpus
    after = Manifest.read(work / 'text_bank')
    assert after.inputs == before.inputs
    assert after.config_hash != before.config_hash


def test_an_edit_that_the_corpus_cannot_have(work, capsys):
    (work / 'edited.py').write_text(EDIT.replace("boat=['{sea}']", "ship=['{sea}']"))
    done = run_tool('encode_texts', 'edited.py', '--work-dir', 'run', capsys=capsys)
    assert done.status == 1
    assert "there is no list for 'boat'; lists must have all classes" in done.text
    assert not (work / 'text_bank').exists()


def test_missing_corpus(work, capsys):
    (work / 'corpus/manifest.json').unlink()
    done = encode(capsys)
    assert done.status == 1
    assert re.match(r'error: corpus/manifest.json is missing: the stage that fills', done.text)
    assert not (work / 'run').exists()


def test_an_empty_corpus(work, capsys):
    (work / 'corpus/part-00000.parquet').unlink()
    Manifest('qape', 'c', counts=dict(images=0, answers=0, empty=0, shards=0)).write(
        work / 'corpus'
    )
    done = encode(capsys)
    assert done.status == 1
    assert 'corpus has no answers: no image had a label, or none could be read' in done.text
    assert not (work / 'text_bank').exists()
