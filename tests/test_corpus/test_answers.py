import sys

import pytest
from strategies import ODD_NAMES

from qaclims_mm.corpus.answers import (
    clean_answer,
    contains_label,
    foreground_text,
    lemmatize,
    process_answer,
    select_backgrounds,
)

CLEAN = [
    ('', ''),
    ('   \n\t', ''),
    ('?!...', ''),
    ('_ - *', ''),
    ('🐶', ''),
    ('A Steam\tTrain. ', 'a steam train'),
    ('DOG', 'dog'),
    ('"dog"', 'dog'),
    ('“dog”', 'dog'),
    ('«поезд»', 'поезд'),
    ('(brown) dog', 'brown) dog'),
    ("child's foot", "child's foot"),
    ('t-shirt', 't-shirt'),
    ('747', '747'),
    ('$5 bill', '$5 bill'),
    ('dog\x00cat\x1b[0m', 'dog cat [0m'),
    ('dog\r\n\r\ncat', 'dog cat'),
    ('\ufeffdog\u200b', 'dog'),
    ('\ud800dog', 'dog'),
    ('ﬁsh', 'fish'),
    ('ｄｏｇ！', 'dog'),
    ('犬。', '犬'),
    ('क्षि', 'क्षि'),
    ('STRASSE Straße', 'strasse straße'),
    ('dog\u3000cat', 'dog cat'),
    # at most 100 characters, cut at a word
    ('x' * 150, 'x' * 100),
    ('word ' * 40, ' '.join(['word'] * 20)),
    (f'{"abcdefghi " * 9}abcdefgh, tail', f'{"abcdefghi " * 9}abcdefgh'),
    ('x' * 100, 'x' * 100),
]


@pytest.mark.parametrize(('raw', 'text'), CLEAN)
def test_clean_answer(raw, text):
    assert clean_answer(raw) == text
    assert clean_answer(text) == text


@pytest.mark.parametrize(
    ('text', 'names', 'words', 'substring'),
    [
        ('dog', ['dog'], True, True),
        ('a brown dog', ['dog'], True, True),
        ('dogs', ['dog'], True, True),
        ('two buses', ['bus'], True, True),
        ('hotdog', ['dog'], False, True),
        ('dogged', ['dog'], False, True),
        ('dog-house', ['dog'], True, True),
        ('cat', ['dog'], False, False),
        ('', ['dog'], False, False),
        ('dining table', ['dining table'], True, True),
        ('dining tables', ['dining table'], True, True),
        ('table for dining', ['dining table'], False, False),
        ('tv', ['tv monitor', 'tv'], True, True),
        ('c', ['c++'], False, False),
        ('c++', ['c++'], True, True),
        ('train.', ['train'], True, True),
        ('大犬', ['犬'], False, True),
        ('犬', ['犬'], True, True),
        ('dog', [], False, False),
    ],
)
def test_contains_label(text, names, words, substring):
    assert contains_label(text, names) is words
    assert contains_label(text, names, 'words') is words
    assert contains_label(text, names, 'substring') is substring


PROCESS = [
    # (raw, kind, class_name, options, text)
    ('', 'fg', 'dog', {}, ''),
    ('...', 'fg', 'dog', {}, ''),
    ('Beagle.', 'fg', 'dog', {}, 'beagle dog'),
    ('A brown dog', 'fg', 'dog', {}, 'a brown dog'),
    ('Dogs', 'fg', 'dog', {}, 'dogs'),
    ('hotdog', 'fg', 'dog', {}, 'hotdog dog'),
    ('hotdog', 'fg', 'dog', dict(test='substring'), 'hotdog'),
    ('round', 'fg', 'dining table', {}, 'round dining table'),
    ('round table', 'fg', 'dining table', {}, 'round table dining table'),
    (
        'round table',
        'fg',
        'dining table',
        dict(aliases={'dining table': ['Table'], 'dog': ['round']}),
        'round table',
    ),
    ('TV', 'fg', 'tv monitor', dict(aliases={'tv monitor': ('tv', 'monitor')}), 'tv'),
    ('Beagle', 'fg', 'dog', dict(append_label=False), 'beagle'),
    ('red', 'fg', 'Dog', {}, 'red Dog'),
    ('red dog', 'fg', 'Dog', {}, 'red dog'),
    ('Beagles', 'fg', 'dog', dict(lemma=True), 'beagle dog'),
    ('dogs', 'fg', 'dog', dict(lemma=True), 'dog'),
    ('brown beagles', 'fg', 'dog', dict(lemma=True), 'brown beagles dog'),
    ('Trees!', 'bg', 'dog', {}, 'trees'),
    ('Trees!', 'bg', 'dog', dict(lemma=True), 'tree'),
    ('palm trees', 'bg', 'dog', dict(lemma=True), 'palm trees'),
    ('dog', 'bg', 'dog', {}, 'dog'),
    ('?', 'bg', 'dog', dict(lemma=True), ''),
    ('草', 'bg', '犬', {}, '草'),
    ('柴犬', 'fg', '犬', {}, '柴犬 犬'),
    ('柴犬', 'fg', '犬', dict(test='substring'), '柴犬'),
    ('grey\x07', 'fg', 'dog', {}, 'grey dog'),
    ('x' * 300, 'fg', 'dog', {}, f'{"x" * 100} dog'),
]


@pytest.mark.parametrize(('raw', 'kind', 'class_name', 'options', 'text'), PROCESS)
def test_process_answer(raw, kind, class_name, options, text):
    assert process_answer(raw, kind, class_name, **options) == text


def test_foreground_text():
    assert foreground_text('passenger', 'train') == 'passenger train'
    assert foreground_text('', 'train') == ''
    assert foreground_text('locomotive', 'train', ['Locomotive']) == 'locomotive'


@pytest.mark.parametrize(
    ('text', 'lemma'),
    [('dogs', 'dog'), ('buses', 'bus'), ('grass', 'grass'), ('steam trains', 'steam trains')],
)
def test_lemmatize(text, lemma):
    assert lemmatize(text) == lemma


def test_lemmatize_without_simplemma(monkeypatch):
    monkeypatch.setitem(sys.modules, 'simplemma', None)
    with pytest.raises(ImportError, match=r'lemmatize=True needs simplemma; run: pip install'):
        lemmatize('dogs')


@pytest.mark.parametrize(
    ('bg_filter', 'kept'),
    [
        ('none', ['grass', 'person', 'grass', 'dog', 'dogs', 'a person', 'personal lake']),
        ('distinct', ['grass', 'person', 'dogs', 'a person', 'personal lake']),
        ('distinct_absent', ['grass', 'personal lake']),
    ],
)
@pytest.mark.parametrize('class_name', ['dog', 'Dog'])
def test_select_backgrounds(bg_filter, kept, class_name):
    texts = ['grass', 'person', '', 'grass', 'dog', 'dogs', 'a person', 'personal lake', '']
    present = ['Person', class_name]
    assert select_backgrounds(texts, class_name, bg_filter, present) == kept


@pytest.mark.parametrize('bg_filter', ['none', 'distinct', 'distinct_absent'])
def test_nothing_left(bg_filter):
    assert select_backgrounds(['', ''], 'dog', bg_filter, ['dog']) == []
    assert select_backgrounds([], 'dog', bg_filter) == []


def test_errors():
    with pytest.raises(ValueError, match=r"^test must be one of \('words', 'substring'\), but got"):
        contains_label('dog', ['dog'], 'letters')
    with pytest.raises(ValueError, match=r"^bg_filter must be one of .* but got 'absent'\.$"):
        select_backgrounds(['dog'], 'dog', 'absent')


@pytest.mark.parametrize('name', ODD_NAMES)
def test_a_label_is_appended_literally(name):
    assert process_answer('Quux', 'fg', name) == f'quux {name}'
