import pytest
from contracts import VLMContract, noise
from strategies import ODD_NAMES

from qaclims_mm.corpus.fixed_answers import FixedAnswers
from qaclims_mm.corpus.questions import get_questions
from qaclims_mm.errors import ConfigError

TEXTS = {'cat': ['sofa', 'house', 'carpet'], 'potted plant': ['kitchen']}


class TestFixedAnswers(VLMContract):
    images = tuple(noise(8, 9, seed=k) for k in range(3))
    questions = tuple(
        tuple(q.fill(name) for q in get_questions()[::k])
        for k, name in ((1, 'cat'), (3, 'potted plant'), (5, 'cat'))
    )

    def make(self):
        return FixedAnswers(TEXTS)


@pytest.mark.parametrize('question_set', ['paper', 'official'])
def test_texts_in_turn(question_set):
    asked = get_questions(question_set)
    model = FixedAnswers(TEXTS, question_set)
    model.load('cpu')
    [answers] = model.answer([noise(4, 4)], [[q.fill('cat') for q in asked]])
    assert {a.score for a in answers} == {0.0}
    about = [a.text for a, q in zip(answers, asked, strict=True) if q.kind == 'fg']
    around = [a.text for a, q in zip(answers, asked, strict=True) if q.kind == 'bg']
    assert about == ['cat'] * 6
    assert around == ['sofa', 'house', 'carpet'] * 3 + ['sofa']
    [answers] = model.answer([noise(4, 4)], [[q.fill('potted plant') for q in asked]])
    assert {a.text for a in answers} == {'potted plant', 'kitchen'}


def test_bad_input():
    with pytest.raises(ConfigError, match='must have a text for each class, but cat has none'):
        FixedAnswers({'cat': []})
    with pytest.raises(ConfigError, match=r"no fixed answer to 'What is above the dog\?'"):
        FixedAnswers(TEXTS).answer([noise(4, 4)], [['What is above the dog?']])


@pytest.mark.parametrize('name', ODD_NAMES)
def test_names_are_literal(name):
    model = FixedAnswers({name: [f'near {name}'], 'cat': ['sofa']})
    questions = [q.fill(name) for q in get_questions()]
    [answers] = model.answer([noise(4, 4)], [questions])
    assert {a.text for a in answers} == {name, f'near {name}'}
