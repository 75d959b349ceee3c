import copy
import pickle
import random
import re
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import strategies
import torch
from hypothesis import given
from hypothesis import strategies as st

from qaclims_mm.corpus.questions import get_questions
from qaclims_mm.corpus.text_bank import TextBank, TextIndex, encode_index, save_text_bank
from qaclims_mm.errors import FormatError, StageError
from qaclims_mm.schemas import Manifest, check_text_bank, write_text_bank
from qaclims_mm.vlms.clip.open_clip import CLIPTextHead

WORDS = ['grass', 'water', 'dog', 'cat', 'two dogs', 'a cat', 'red', 'tree', '', 'no dog', '犬']
METADATA = dict(clip='miniworld://clip', weights_sha256='a' * 64, prompt='{answer}')


def make_corpus(seed=0, images=12):
    """Rows of images with one to three classes, in an order that is not that of their names."""
    rng = random.Random(seed)
    corpus = {}
    for number in range(images):
        image_id = f'{"ab"[number % 2]}/{number}'
        corpus[image_id] = [
            dict(
                image_id=image_id,
                class_name=name,
                kind=question.kind,
                question_id=question.id,
                text=rng.choice(WORDS),
            )
            for name in rng.sample(['train', 'dog', 'cat', '犬'], rng.randint(1, 3))
            for question in get_questions()
        ]
    return {i: corpus[i] for i in sorted(corpus)}


def naive(rows, groups, bg_filter):
    """Return {class: (fg texts, bg texts)} of one image, from the definition."""
    wanted = {}
    for row in rows:
        fg, bg = wanted.setdefault(row['class_name'], ([], []))
        if row['text'] and row['question_id'].rsplit('_', 1)[0] in groups:
            (fg if row['kind'] == 'fg' else bg).append(row['text'])
    for name, (_, bg) in wanted.items():
        if bg_filter == 'none':
            continue
        kept = []
        for text in bg:
            drop = text in kept or text == name
            if bg_filter == 'distinct_absent':
                words = text.split()
                drop |= any(c in words or f'{c}s' in words for c in wanted)
            if not drop:
                kept.append(text)
        bg[:] = kept
    if not {'object', 'scene'} & set(groups):
        for name, (_, bg) in wanted.items():
            bg[:] = [f'no {name}']
    return wanted


def make_bank(folder, corpus, metadata=METADATA, **options):
    index = TextIndex(**options)
    for rows in corpus.values():
        index.add_image(rows)
    rng = np.random.default_rng(0)
    write_text_bank(
        folder, rng.normal(size=(len(index.texts), 4)), index.texts, index.columns, metadata
    )
    return index, TextBank(folder)


ALL = ('fine', 'alias', 'object', 'scene')


@pytest.mark.parametrize('bg_filter', ['none', 'distinct', 'distinct_absent'])
@pytest.mark.parametrize('groups', [ALL, ('fine',), ('scene', 'alias'), ('object',), ()])
def test_rows_against_a_dictionary(tmp_path, bg_filter, groups):
    corpus = make_corpus()
    _, bank = make_bank(tmp_path, corpus, bg_filter=bg_filter, groups=groups)
    expected = {i: naive(rows, groups, bg_filter) for i, rows in corpus.items()}
    pairs = [p for image in expected.values() for p in image.values()]
    longest_fg, longest_bg = (max(len(p[side]) for p in pairs) for side in (0, 1))
    assert len(bank) == len(pairs)
    for image_id, wanted in expected.items():
        names = list(wanted)
        rows = bank.rows(image_id, names)
        assert rows.fg_rows.shape == (len(names), longest_fg + 1)
        assert rows.bg_rows.shape == (len(names), longest_bg)
        assert rows.no_rows.shape == (len(names), 1)
        assert {r.dtype for r in rows} == {np.dtype(np.int64)}
        for i, name in enumerate(names):
            fg, bg = wanted[name]
            *answers, label = rows.fg_rows[i]
            assert [bank.texts[r] for r in answers[: len(fg)]] == fg
            assert all(r == -1 for r in answers[len(fg) :])
            assert bank.texts[label] == name
            assert [bank.texts[r] for r in rows.bg_rows[i][: len(bg)]] == bg
            assert all(r == -1 for r in rows.bg_rows[i][len(bg) :])
            assert bank.texts[rows.no_rows[i, 0]] == f'no {name}'
        # the order asked for
        turned = bank.rows(image_id, names[::-1])
        np.testing.assert_array_equal(turned.fg_rows, rows.fg_rows[::-1])


def test_a_copy_is_the_same(tmp_path):
    """Loaders that spawn workers, and mmengine's subsets, copy what transforms hold."""
    corpus = make_corpus()
    _, bank = make_bank(tmp_path, corpus)
    image_id = next(iter(corpus))
    names = sorted({row['class_name'] for row in corpus[image_id]})
    for twin in (pickle.loads(pickle.dumps(bank)), copy.deepcopy(bank)):  # noqa: S301 - ours
        for mine, wanted in zip(
            twin.rows(image_id, names), bank.rows(image_id, names), strict=True
        ):
            np.testing.assert_array_equal(mine, wanted)


def test_each_distinct_text_once(tmp_path):
    corpus = make_corpus()
    index, bank = make_bank(tmp_path, corpus)
    used = {row['text'] for rows in corpus.values() for row in rows if row['text']}
    names = {row['class_name'] for rows in corpus.values() for row in rows}
    assert len(index.texts) == len(set(index.texts))
    assert set(index.texts) == used | names | {f'no {n}' for n in names}
    assert bank.texts == index.texts
    assert bank.embeddings.shape == (len(index.texts), 4)


def test_texts_that_are_filtered_are_not_encoded():
    rows = [
        dict(image_id='a', class_name='dog', kind='bg', question_id='scene_1', text=text)
        for text in ('dog', 'grass', 'grass')
    ]
    rows.append(rows[0] | dict(question_id='object_1', text='tree'))
    index = TextIndex('distinct', ['scene'])
    index.add_image(rows)
    assert sorted(index.texts) == ['dog', 'grass', 'no dog']
    assert index.columns['bg'] == [[index.texts.index('grass')]]


def test_pair_without_background_texts(tmp_path):
    corpus = make_corpus(images=3)
    poor = [r | dict(image_id='c', class_name='dog') for r in corpus['a/0'] if r['kind'] == 'fg']
    _, bank = make_bank(tmp_path / 'some', corpus | {'c': poor})
    assert (bank.rows('c', ['dog']).bg_rows == -1).all()
    assert (bank.rows('a/0', [corpus['a/0'][0]['class_name']]).bg_rows >= 0).any()
    _, bank = make_bank(tmp_path / 'none', {'c': poor})
    assert bank.rows('c', ['dog']).bg_rows.shape == (1, 0)


def test_image_without_classes(tmp_path):
    _, bank = make_bank(tmp_path, make_corpus())
    rows = bank.rows('a/0', [])
    assert rows.fg_rows.shape == (0, bank.width_fg + 1)
    assert rows.bg_rows.shape == (0, bank.width_bg)
    assert rows.no_rows.shape == (0, 1)


def test_empty_bank(tmp_path):
    _, bank = make_bank(tmp_path, {})
    assert len(bank) == 0
    assert (bank.width_fg, bank.width_bg) == (0, 0)


@pytest.mark.parametrize(
    ('image_id', 'name'), [('a/0', 'horse'), ('a/1', 'dog'), ('', ''), ('zzz', 'zzz')]
)
def test_unknown_pairs(tmp_path, image_id, name):
    _, bank = make_bank(tmp_path, make_corpus())
    with pytest.raises(KeyError, match=re.escape(repr((image_id, name)))):
        bank.find(image_id, [name])
    with pytest.raises(KeyError):
        bank.rows(image_id, [name])


def test_embeddings_are_clips(tmp_path):
    head = CLIPTextHead('miniworld://clip').load()
    index = TextIndex()
    for rows in make_corpus().values():
        index.add_image(rows)
    done = []
    embeddings = encode_index(index, head.encode, 'a photo of {answer}', done.append)
    assert sum(done) == len(index.texts)
    write_text_bank(tmp_path, embeddings, index.texts, index.columns, METADATA)
    bank = TextBank(tmp_path)
    assert bank.embeddings.dtype == torch.float16
    wanted = torch.cat([head.encode([f'a photo of {text}']) for text in index.texts])
    torch.testing.assert_close(bank.embeddings.float(), wanted, atol=5e-4, rtol=0)
    torch.testing.assert_close(
        bank.embeddings.float().norm(dim=1), torch.ones(len(wanted)), atol=1e-3, rtol=0
    )


def test_prompt_needs_a_place_for_the_answer():
    message = (
        "prompt must hold {answer}, but got 'a photo of {}.'; the paper has 'a photo of {answer}'."
    )
    with pytest.raises(ValueError, match=f'^{re.escape(message)}$'):
        encode_index(TextIndex(), torch.zeros, 'a photo of {}.')


def test_embeddings_are_memory_mapped(tmp_path):
    maps = Path('/proc/self/maps')
    if not maps.is_file():
        pytest.skip('the mapping can be seen on Linux only')
    _, bank = make_bank(tmp_path, make_corpus())
    address = bank.embeddings.data_ptr()
    mapped = [
        tuple(int(x, 16) for x in line.split()[0].split('-'))
        for line in maps.read_text('utf-8').splitlines()
        if line.endswith(str(tmp_path / 'texts.safetensors'))
    ]
    assert any(start <= address < end for start, end in mapped)


def test_clip_of_another_bank(tmp_path):
    _, bank = make_bank(tmp_path, make_corpus())
    bank.check_clip('a' * 64)
    with pytest.raises(
        StageError,
        match=r'was made by CLIP miniworld://clip \(aaaaaaaa\), but the image encoder belongs to '
        r'bbbbbbbb; encode the texts with the same CLIP: qaclims encode-texts CONFIG\.$',
    ):
        bank.check_clip('b' * 64)


def test_unknown_group():
    with pytest.raises(ValueError, match=r"^groups must be among .*, but got \['sky'\]\.$"):
        TextIndex(groups=['fine', 'sky'])


def test_unknown_filter():
    with pytest.raises(ValueError, match=r"^bg_filter must be one of .*, but got 'all'\.$"):
        TextIndex('all').add_image(make_corpus()['a/0'])


@pytest.mark.parametrize('name', ['texts.safetensors', 'texts.json', 'index.parquet'])
def test_missing_file(tmp_path, name):
    make_bank(tmp_path, make_corpus())
    (tmp_path / name).unlink()
    with pytest.raises(
        FormatError, match=rf'{name} is missing; make the text bank with qaclims encode-texts'
    ):
        TextBank(tmp_path)


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('texts.safetensors', r'texts\.safetensors is broken .*; run qaclims encode-texts again'),
        ('texts.json', r'texts\.json is not valid JSON'),
        ('index.parquet', r'index\.parquet is not a readable Parquet file'),
    ],
)
@pytest.mark.parametrize('kept', [0, 7, -9])
def test_truncated_file(tmp_path, name, message, kept):
    make_bank(tmp_path, make_corpus())
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(FormatError, match=message):
        TextBank(tmp_path)


def test_parts_that_disagree(tmp_path):
    make_bank(tmp_path, make_corpus())
    (tmp_path / 'texts.json').write_text('["dog"]\n')
    with pytest.raises(
        FormatError, match=r'has 1 text but \d+ embeddings; run qaclims encode-texts'
    ):
        TextBank(tmp_path)


def test_other_schema(tmp_path):
    with pytest.raises(FormatError, match=r'has schema 9, but this version reads 1'):
        make_bank(tmp_path, make_corpus(), metadata=METADATA | dict(schema='9'))


@pytest.mark.parametrize(
    ('groups', 'fg', 'bg'),
    [
        ((), [], ['no dog']),
        (('fine',), ['terrier dog'], ['no dog']),
        (('object',), [], ['grass']),
        (('fine', 'object'), ['terrier dog'], ['grass']),
        (('caption',), ['brown dog on grass'], ['no dog']),
        (('fine', 'object', 'caption'), ['terrier dog', 'brown dog on grass'], ['grass']),
    ],
)
def test_without_questions_about_it_the_background_is_what_there_is_not(groups, fg, bg):
    index = TextIndex('none', groups)
    pair = dict(image_id='a', class_name='dog')
    index.add_image(
        [
            dict(pair, kind='fg', question_id='fine_1', text='terrier dog'),
            dict(pair, kind='bg', question_id='object_1', text='grass'),
            dict(pair, kind='fg', question_id='caption_1', text='brown dog on grass'),
        ]
    )
    rows = {k: [index.texts[i] for i in index.columns[k][0]] for k in ('fg', 'bg')}
    assert rows == dict(fg=fg, bg=bg)
    assert index.texts[index.columns['label'][0]] == 'dog'


@strategies.fast
@given(
    st.dictionaries(
        strategies.image_ids,
        st.lists(strategies.names, min_size=1, max_size=3, unique=True),
        min_size=1,
        max_size=4,
    ),
    st.lists(strategies.image_ids, max_size=3),
)
def test_names_come_back_as_they_were_written(classes_of, failed):
    index, asked = TextIndex(), []

    def encode(prompts, on_batch):
        asked.extend(prompts)
        return torch.eye(len(prompts))

    for image_id in sorted(classes_of):
        question = get_questions()[0]
        options = dict(kind=question.kind, question_id=question.id)
        index.add_image(
            dict(image_id=image_id, class_name=name, text=f'an {name}', **options)
            for name in classes_of[image_id]
        )
    embeddings = encode_index(index, encode, 'a photo of {answer}')
    assert asked == [f'a photo of {text}' for text in index.texts]
    head = SimpleNamespace(model='{answer}', weights_sha256='a' * 64)
    manifest = Manifest('qape', '', failed=[[image_id, 'x'] for image_id in failed])
    corpus = SimpleNamespace(manifest=manifest, corpus_hash='b' * 64)
    with tempfile.TemporaryDirectory() as folder:
        save_text_bank(folder, index, embeddings, head, 'a photo of {answer}', corpus, '')
        check_text_bank(folder)
        bank = TextBank(folder)
        assert bank.texts == index.texts
        # as LoadTextRows reads them
        assert set(bank.metadata['failed'].split('\n')) - {''} == set(failed)
        for image_id, names in classes_of.items():
            rows = bank.rows(image_id, names)
            for name, fg, no in zip(names, rows.fg_rows, rows.no_rows, strict=True):
                assert [bank.texts[k] for k in fg] == [f'an {name}', name]
                assert bank.texts[no[0]] == f'no {name}'


def test_images_in_any_order_make_the_index_of_sorted_ones():
    def rows(n):
        return [
            dict(image_id=f'img_{n}', class_name=name, kind=kind, question_id=question, text=text)
            for name in ('cat', 'dog')[n % 2 :]
            for kind, question, text in (
                ('fg', 'fine_1', f'text {n % 3}'),
                ('bg', 'scene_1', f'text {n}'),
            )
        ]

    def index_of(numbers):
        index = TextIndex()
        for n in numbers:
            index.add_image(rows(n))
        return index

    wanted, index = index_of(range(5)), index_of([3, 1, 4, 0, 2])
    assert index.columns != wanted.columns
    index.sort()
    assert (index.texts, index.columns) == (wanted.texts, wanted.columns)
