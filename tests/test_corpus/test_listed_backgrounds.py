import numpy as np
import pytest
from strategies import ODD_NAMES

from qaclims_mm.corpus.fixed_answers import FixedAnswers
from qaclims_mm.corpus.listed_backgrounds import ListedBackgrounds
from qaclims_mm.corpus.questions import get_questions
from qaclims_mm.engine.config_file import execute_config
from qaclims_mm.errors import ConfigError
from qaclims_mm.miniworld.scene import sample_scene, truth
from qaclims_mm.miniworld.world import CLASS_FACTS, SCENE_FACTS
from qaclims_mm.paths import config_path

LISTS = {'cat': ['house', 'sofa', 'carpet'], 'dog': ['garden', 'lawn']}
ASKED = get_questions()
BACKGROUND = [q for q in ASKED if q.kind == 'bg']


def rows_of(name, answers, image_id='img'):
    """Return the rows of a pair; ``answers`` are those about the background, in turn."""
    texts = {q.id: answers[k % len(answers)] for k, q in enumerate(BACKGROUND)}
    return [
        dict(
            image_id=image_id,
            class_name=name,
            kind=q.kind,
            question_id=q.id,
            answer=texts.get(q.id, f'old {name}'),
            text=texts.get(q.id, f'old {name}'),
            score=-1.0,
        )
        for q in ASKED
    ]


def texts_of(rows, kind='bg'):
    return [row['text'] for row in rows if row['kind'] == kind]


def test_the_list_of_the_class_stands_where_fixed_answers_have_it():
    rows = rows_of('cat', ['grass'])
    before = [dict(row) for row in rows]
    found = ListedBackgrounds(LISTS)(rows)
    model = FixedAnswers(LISTS)
    [fixed] = model.answer([np.zeros((4, 4, 3), np.uint8)], [[q.fill('cat') for q in BACKGROUND]])
    assert texts_of(found) == [answer.text for answer in fixed]
    # nothing is done to what was said about the object, nor to the rows that were given
    assert [r for r in found if r['kind'] == 'fg'] == [r for r in rows if r['kind'] == 'fg']
    assert rows == before
    assert {(r['answer'], r['score']) for r in found if r['text'] == 'sofa'} == {('sofa', 0.0)}


@pytest.mark.parametrize(
    ('choice', 'answers', 'found'),
    [
        ('class', ['lawn', 'tree'], {'house', 'sofa', 'carpet'}),
        ('class_if_answered', ['carpet', 'lawn'], {'house', 'sofa', 'carpet'}),
        ('class_if_answered', ['lawn', 'tree'], {''}),
        ('class_if_answered', ['a carpet', ''], {''}),
        ('answered', ['lawn', 'tree'], {'garden', 'lawn'}),
        # by the number of answers
        ('answered', ['lawn', 'sofa', 'sofa'], {'house', 'sofa', 'carpet'}),
        ('answered', ['tree', ''], {''}),
    ],
)
def test_which_list(choice, answers, found):
    rows = rows_of('cat', answers)
    edited = ListedBackgrounds(LISTS, choice)(rows)
    assert set(texts_of(edited)) == found
    assert len(edited) == len(rows)


def test_half_of_the_answers_stay_where_they_were():
    rows = rows_of('dog', ['sky', 'tree'])
    edited = texts_of(ListedBackgrounds(LISTS, half=True)(rows))
    assert edited[::2] == ['garden', 'lawn', 'garden', 'lawn', 'garden']
    assert edited[1::2] == texts_of(rows)[1::2]


def test_each_class_of_an_image_by_itself():
    rows = rows_of('dog', ['lawn']) + rows_of('cat', ['lawn'])
    edited = ListedBackgrounds(LISTS, 'class_if_answered')(rows)
    half = len(ASKED)
    assert set(texts_of(edited[:half])) == {'garden', 'lawn'}
    assert set(texts_of(edited[half:])) == {''}


def test_miniworld_lists_name_the_scene_of_a_picture_where_the_answers_do():
    """With true answers the lists that are chosen are those of the scene, so no oracle is asked."""
    texts = execute_config(config_path('_base_/texts/miniworld.py'), lazy_import=False)
    lists = texts['scene_texts']
    right, scene_texts = (ListedBackgrounds(lists, c) for c in ('class_if_answered', 'answered'))
    at_home, elsewhere = 0, 0
    for seed in range(200):
        scene = sample_scene(np.random.default_rng(seed))
        facts = SCENE_FACTS[scene.name]
        for number, thing in enumerate(scene.objects):
            said = truth(scene, number)
            rows = rows_of(thing.class_name, ['x'])
            rows = [r | dict(text=said[r['question_id']][0]) for r in rows]
            assert set(texts_of(scene_texts(rows))) == {*facts.names, facts.under}
            is_home = CLASS_FACTS[thing.class_name].scene == scene.name
            wanted = {*facts.names, facts.under} if is_home else {''}
            assert set(texts_of(right(rows))) == wanted
            at_home, elsewhere = at_home + is_home, elsewhere + (not is_home)
    # not one in ten: the second object of a picture is never at home
    assert 0.25 < elsewhere / (at_home + elsewhere) < 0.4


def test_bad_input():
    with pytest.raises(ConfigError, match=r"choice must be one of .* but got 'scene'"):
        ListedBackgrounds(LISTS, 'scene')
    with pytest.raises(ConfigError, match="must have a text for each class, but 'cat' has none"):
        ListedBackgrounds({'cat': []})
    with pytest.raises(ConfigError, match="there is no list for 'bird'"):
        ListedBackgrounds(LISTS)(rows_of('bird', ['tree']))


@pytest.mark.parametrize('name', ODD_NAMES)
def test_names_are_literal(name):
    edit = ListedBackgrounds({name: [f'near {name}'], 'cat': ['sofa']}, 'answered')
    assert set(texts_of(edit(rows_of(name, [f'near {name}'])))) == {f'near {name}'}
