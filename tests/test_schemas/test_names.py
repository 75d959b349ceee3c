import sys
import unicodedata

import pytest

from qaclims_mm.schemas import names
from qaclims_mm.schemas.names import (
    counted,
    drawn_name,
    hint_of_name,
    problem_of_image_id,
    problem_of_name,
    shown_name,
    shown_text,
)

LEGAL_NAMES = [
    'cat',
    'dining table',
    '{texts}',
    '{{$HOME:x}}',
    '[/b]',
    '</script><b>x',
    'a/b',
    '../a',
    'C:\\x',
    'it\'s "x"',
    '%s',
    '\\1',
    '$x_1$',
    '=1+1',
    '-x',
    'None',
    'CON',
    '人',
    '👩\u200d🚀',
    'x' * 200,
]


@pytest.mark.parametrize('name', LEGAL_NAMES)
def test_every_name_that_fits_into_a_line_is_legal(name: str) -> None:
    assert problem_of_name(name) == ''


@pytest.mark.parametrize(
    ('name', 'reason'),
    [
        ('', 'empty'),
        (' \u3000', 'empty'),
        ('\n', 'empty'),
        ('ca\0t', 'control'),
        ('a\nb', 'control'),
        ('a\x85b', 'control'),
        ('a\x1b[31m', 'control'),
        ('a\ud800', 'surrogate'),
        ('a\u2028b', 'line separator'),
        ('a\u2029b', 'paragraph separator'),
        ('a\u202eb', 'direction'),
        ('a\u2066b', 'direction'),
        ('x' * 201, '201 characters'),
    ],
)
def test_names_that_no_line_of_text_holds_are_refused(name: str, reason: str) -> None:
    assert reason in problem_of_name(name)


@pytest.mark.parametrize(
    'image_id',
    ['2007_000063', 'sub dir/a', 'a.b', '...', '..a', 'a..', ' ', '~', 'a:b', 'a/C:', 'ab:/x',
     'a\\b', '{cams}', '*[x]?', '<b>', '人/👩\u200d🚀', 'None', '-x'],
)  # fmt: skip
def test_paths_below_the_root_are_legal(image_id: str) -> None:
    assert problem_of_image_id(image_id) == ''


@pytest.mark.parametrize(
    ('image_id', 'reason'),
    [
        ('', 'empty'),
        ('/x', 'absolute'),
        ('//x', 'absolute'),
        ('C:', 'drive'),
        ('C:\\x', 'drive'),
        ('c:/x', 'drive'),
        ('a//b', 'empty part'),
        ('a/', 'empty part'),
        ('.', "'.'"),
        ('./a', "'.'"),
        ('a/../b', "'..'"),
        ('..', "'..'"),
        ('a\0', 'control'),
        ('a\nb', 'control'),
        ('a\u2028b', 'line separator'),
        ('a\udcff', 'surrogate'),
    ],
)
def test_paths_that_leave_the_root_are_refused(image_id: str, reason: str) -> None:
    assert reason in problem_of_image_id(image_id)


@pytest.mark.parametrize('image_id', ['a\\b', '..\\b', 'C:b'])
def test_windows_refuses_its_own_separators(image_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert problem_of_image_id(image_id) == ''
    monkeypatch.setattr(names, 'ON_WINDOWS', True)
    assert 'Windows' in problem_of_image_id(image_id)


@pytest.mark.parametrize(
    ('name', 'shown'),
    [
        ('cat', "'cat'"),
        ('', "''"),
        ('a\nb\ud800\u202e', "'a\\nb\\ud800\\u202e'"),
        ('人', "'人'"),
        ('x' * 80, f"'{'x' * 80}'"),
    ],
)
def test_shown_names_are_quoted_and_escaped(name: str, shown: str) -> None:
    assert shown_name(name) == shown


def test_shown_names_are_shortened_in_the_middle() -> None:
    shown = shown_name('start' + 'x' * 1000 + 'end')

    assert len(shown) == 82
    assert shown.startswith("'start")
    assert '...' in shown
    assert shown.endswith("end'")


@pytest.mark.parametrize(
    ('name', 'longest', 'drawn'),
    [
        ('cat', 3, 'cat'),
        ('cats', 3, 'ca…'),
        ('$x_1$ %s \\1 {}', 20, '$x_1$ %s \\1 {}'),
        ('a\nb\0', 20, 'a\\nb\\x00'),
        ('a\ud800\u202e', 20, 'a\\ud800\\u202e'),
        ('\0\0', 4, '\\x0…'),
        ('👩\u200d🚀', 5, '👩\u200d🚀'),
        ('x' * 10**6, 4, 'xxx…'),
    ],
)
def test_drawn_names_are_one_short_line(name: str, longest: int, drawn: str) -> None:
    assert drawn_name(name, longest) == drawn


JOINED = {
    'woman astronaut': '👩\u200d🚀',
    'heart on fire': '❤\ufe0f\u200d🔥',
    'skin tone': '👩🏽\u200d🚀',
    'head shaking': '🙂\u200d↔\ufe0f',
    'persian': 'می\u200cخواهم',
    'hindi': 'क्\u200dष',
    'malayalam, at the end': 'അവന്\u200d',
}


@pytest.mark.parametrize('name', JOINED.values(), ids=JOINED)
def test_joiners_are_legal_where_they_join(name: str) -> None:
    assert problem_of_name(name) == ''


@pytest.mark.parametrize('hidden', ['\u200b', '\ufeff', '\u2060', '\xad', '\u200d', '\u200c',
                                    '\u200e', '\u3164', '\U000e0061'])  # fmt: skip
def test_invisible_characters_are_refused(hidden: str) -> None:
    for name in (f'cat{hidden}', f'c{hidden}at', f'{hidden}cat'):
        assert problem_of_name(name) == f'it has the invisible character U+{ord(hidden):04X}'
    assert 'is empty' in problem_of_name(hidden * 3)
    assert 'is empty' in problem_of_name(f' {hidden}\u2800\ufe0f')


def test_shown_texts_stay_as_they_are_if_a_line_holds_them() -> None:
    assert shown_text("/a b/c's [x]") == "/a b/c's [x]"
    assert shown_text('a\nb') == "'a\\nb'"
    assert shown_text('a\u202eb') == "'a\\u202eb'"
    assert len(shown_text('x' * 10_000)) == 82


def test_hints_name_the_nearest_or_list_what_is_known() -> None:
    known = ['cat', 'TV', 'dining table', 'a\nb']
    assert hint_of_name('dinning table', known) == 'did you mean dining table?'
    # letters of another case are the same letters
    assert hint_of_name('tv', known) == 'did you mean TV?'
    assert hint_of_name('a\nbb', known) == "did you mean 'a\\nb'?"
    assert hint_of_name('?', known) == "known are cat, TV, dining table, 'a\\nb'."
    many = [f'class {k}' for k in range(30)]
    assert hint_of_name('?', many).endswith('class 11 and others.')


def test_each_character_is_judged_by_its_category():
    refused = {
        c for c in map(chr, range(sys.maxunicode + 1)) if names.problem_of_characters(f'a{c}')
    }
    wanted = {'Cc', 'Cs', 'Zl', 'Zp'}
    assert {unicodedata.category(c) for c in refused} == wanted
    assert '\u200d' not in refused
    assert len(refused) == 65 + 2048 + 2


@pytest.mark.parametrize(
    ('noun', 'several'),
    [
        ('image', 'images'),
        ('class', 'classes'),
        ('box', 'boxes'),
        ('batch', 'batches'),
        ('brush', 'brushes'),
        ('entry', 'entries'),
        ('day', 'days'),
        ('corrected mask', 'corrected masks'),
    ],
)
def test_a_number_of_things(noun, several):
    assert [counted(n, noun) for n in (0, 1, 2)] == [f'0 {several}', f'1 {noun}', f'2 {several}']


@pytest.mark.parametrize(
    ('said', 'of_one'),
    [
        ('are', 'is'),
        ('are of no class, and are kept', 'is of no class, and are kept'),
        ('have no mask', 'has no mask'),
        ('do not fit', 'does not fit'),
        ('were left out', 'was left out'),
        ('cannot be used', 'cannot be used'),
        ('could not be used', 'could not be used'),
        ('stand twice', 'stands twice'),
        ('lie beside', 'lies beside'),
        ('pass', 'passes'),
        ('carry labels', 'carries labels'),
    ],
)
def test_what_is_said_of_a_number_of_things(said, of_one):
    assert counted(1, 'image', said) == f'1 image {of_one}'
    assert [counted(n, 'image', said) for n in (0, 3)] == [f'0 images {said}', f'3 images {said}']
