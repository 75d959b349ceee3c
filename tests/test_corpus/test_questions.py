import re

import pytest
from strategies import ODD_NAMES

from qaclims_mm.corpus.questions import QUESTION_GROUPS, get_questions

# Table 6 of the paper, word for word
TABLE_6 = {
    'object': [
        'What is above the {class}?',
        'What is under the {class}?',
        'What is behind the {class}?',
        'What is around the {class}?',
        'What is next to the {class}?',
        'What is the left side of {class}?',
        'What is the right side of {class}?',
    ],
    'scene': [
        'What scene is the {class} in?',
        'What enviroment is the {class} in?',  # codespell:ignore enviroment
        'What place is the {class} in?',
    ],
    'fine': [
        'What kind of {class} is in the photo?',
        'What type of {class} is in the photo?',
    ],
    'alias': [
        'What is this {class} also called?',
        'What is this {class} usually called?',
        'What is another word for this {class}?',
        'What is another name for this {class}?',
    ],
}
OFFICIAL = TABLE_6 | {
    'object': [f'w{t[1:]}' for t in TABLE_6['object']],
    'scene': [
        'what scene is the {class} in?',
        'what environment is the {class} in?',
        'what place is the {class} in?',
    ],
}


@pytest.mark.parametrize(('name', 'table'), [('paper', TABLE_6), ('official', OFFICIAL)])
@pytest.mark.parametrize('group', TABLE_6)
def test_templates(name, table, group):
    found = get_questions(name, [group])
    assert [q.template for q in found] == table[group]
    assert [q.id for q in found] == [f'{group}_{i + 1}' for i in range(len(found))]
    assert {q.kind for q in found} == {'fg' if group in ('fine', 'alias') else 'bg'}


@pytest.mark.parametrize('name', ['paper', 'official'])
def test_all_groups(name):
    questions = get_questions(name)
    assert [q.kind for q in questions] == ['fg'] * 6 + ['bg'] * 10
    assert len({q.id for q in questions}) == 16
    assert questions == get_questions(name, QUESTION_GROUPS)


@pytest.mark.parametrize('name', ['paper', 'official'])
def test_low_level_questions_come_last_and_only_when_they_are_named(name):
    questions = get_questions(name, ('color', *QUESTION_GROUPS, 'texture'))
    assert questions[:16] == get_questions(name)
    assert [q.id for q in questions[16:]] == ['color_1', 'color_2', 'texture_1', 'texture_2']
    assert {q.kind for q in questions[16:]} == {'fg'}


@pytest.mark.parametrize('name', ['paper', 'official'])
def test_a_caption_is_asked_for_only_when_it_is_named(name):
    [caption] = get_questions(name, ['caption'])
    assert caption == ('caption_1', 'fg', 'Describe the {class} in the image.')
    assert caption not in get_questions(name)
    assert get_questions(name, (*QUESTION_GROUPS, 'caption')) == (*get_questions(name), caption)


def test_the_order_of_groups_does_not_count():
    ids = [q.id for q in get_questions(groups=('scene', 'fine'))]
    assert ids == ['fine_1', 'fine_2', 'scene_1', 'scene_2', 'scene_3']
    assert get_questions(groups=iter(('fine', 'scene'))) == get_questions(groups=('scene', 'fine'))
    assert get_questions(groups=()) == ()


@pytest.mark.parametrize('class_name', ['dining table', '犬', r'a\1{0}', '{class}'])
def test_fill(class_name):
    question = get_questions('paper')[6]
    assert question.fill(class_name) == f'What is above the {class_name}?'


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (
            dict(question_set='table6'),
            "question_set must be one of ['official', 'paper'], but got 'table6'.",
        ),
        (
            dict(groups=('fine', 'sky', 'foreground')),
            "groups must be among ('fine', 'alias', 'object', 'scene', 'color', 'texture', "
            "'caption'), but got ['foreground', 'sky'].",
        ),
    ],
)
def test_errors(options, message):
    with pytest.raises(ValueError, match=f'^{re.escape(message)}$'):
        get_questions(**options)


@pytest.mark.parametrize('name', ODD_NAMES)
def test_a_class_is_asked_about_by_its_literal_name(name):
    for question in get_questions():
        before, after = question.template.split('{class}')
        assert question.fill(name) == f'{before}{name}{after}'
