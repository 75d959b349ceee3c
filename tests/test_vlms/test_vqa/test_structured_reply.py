import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qaclims_mm.corpus.questions import get_questions
from qaclims_mm.vlms.vqa.structured_reply import ask_together, parse_structured, response_format

WHOLE = {'1': 'grass', '2': 'blue sky', '3': 'park'}
ALL = ['grass', 'blue sky', 'park']


def test_prompt():
    questions = [q.fill('dog\n9. {x}') for q in get_questions()]
    lines = ask_together(questions).splitlines()
    assert 'JSON object of 16 strings' in lines[0]
    assert '{"1": "...", "2": "..."}' in lines[0]
    # a name cannot begin a line of its own
    assert lines[1:] == [f'{n}. {" ".join(q.split())}' for n, q in enumerate(questions, 1)]


def test_response_format():
    form = response_format(3)
    assert form['type'] == 'json_schema'
    schema = form['json_schema']['schema']
    assert form['json_schema']['strict'] is True
    assert list(schema['properties']) == schema['required'] == ['1', '2', '3']
    assert schema['additionalProperties'] is False
    assert all(v == dict(type='string') for v in schema['properties'].values())


@pytest.mark.parametrize(
    'reply',
    [
        json.dumps(WHOLE),
        json.dumps(WHOLE, indent=2),
        # another order
        '{"3": "park", "1": "grass", "2": "blue sky"}',
        # fences
        f'```json\n{json.dumps(WHOLE)}\n```',
        f'```\n{json.dumps(WHOLE)}\n```\nI hope this helps!',
        f'~~~\n{json.dumps(WHOLE)}',
        # prose around
        f'Sure! Here is the JSON:\n{json.dumps(WHOLE)}\nLet me know.',
        f'Here {{as asked}}:\n{json.dumps(WHOLE)}'.replace('{as asked}', '(as asked)'),
        # thoughts, with an object of their own
        f'<think>{{"1": "sand"}} no.</think>{json.dumps(WHOLE)}',
        # further keys
        json.dumps(WHOLE | {'4': 'x', 'note': 'y', '0': 'z', '17': 'w'}),
        # other names of the keys
        '{"Q1": "grass", "q2": "blue sky", "question_3": "park"}',
        '{"1.": "grass", "2)": "blue sky", "Question 3": "park"}',
        '{"answer_1": "grass", "answer2": "blue sky", "A3": "park"}',
        '{"1. What is under the dog?": "grass", "2. b": "blue sky", "3": "park"}',
        # the object lies in another
        json.dumps(dict(answers=WHOLE)),
        json.dumps(dict(response=dict(answers=WHOLE))),
        json.dumps(dict(foo=WHOLE)),
        json.dumps(dict(answers=ALL)),
        # lists
        json.dumps(ALL),
        json.dumps([{'question': n, 'answer': a} for n, a in WHOLE.items()]),
        json.dumps([{'id': int(n), 'text': a} for n, a in reversed(WHOLE.items())]),
        json.dumps([{n: a} for n, a in WHOLE.items()]),
        json.dumps([{'answer': a} for a in ALL]),
        json.dumps({n: dict(answer=a) for n, a in WHOLE.items()}),
        # several answers: the first
        json.dumps({n: [a, 'x'] for n, a in WHOLE.items()}),
        # twice the same
        '{"1": "grass", "2": "blue sky", "3": "park", "1": "grass"}',
        # lines
        '1. grass\n2. blue sky\n3. park',
        '1: grass\n2: blue sky\n3: park',
        '**1.** grass\n**2.** blue sky\n**3.** park'.replace('**', ''),
        '- 1) grass\n- 2) blue sky\n- 3) park',
        'Q1: grass\nQ2: blue sky\nQ3: park',
        'Answer 1: "grass",\nAnswer 2: "blue sky",\nAnswer 3: "park"',
        # broken: a comma too much, none, single lines, a comment
        '{"1": "grass", "2": "blue sky", "3": "park",}',
        '{"1": "grass" "2": "blue sky" "3": "park"}',
        '{"1": "grass", // under\n "2": "blue sky", "3": "park"}',
        '{"1": "grass", "2": "blue sky", "3": "park"',
    ],
)
def test_whole_replies(reply):
    assert parse_structured(reply, 3) == ALL


@pytest.mark.parametrize(
    ('reply', 'answers'),
    [
        ('', [None] * 3),
        ('I cannot help with that.', [None] * 3),
        ('null', [None] * 3),
        ('true', [None] * 3),
        ('[]', [None] * 3),
        ('{}', [None] * 3),
        ('{"1"', [None] * 3),
        ('[' * 100_000, [None] * 3),
        ('{"a": ' * 5000, [None] * 3),
        # whole, and deeper than a sensible reply
        ('{"1": ' + '{"answer": ' * 49 + '"x"' + '}' * 50, ['x', None, None]),
        ('{"1": ' + '{"answer": ' * 50 + '"x"' + '}' * 51, [None] * 3),
        ('{"a": ' * 900 + '1' + '}' * 900, [None] * 3),
        ('{"1": ' + '{"answer": ' * 900 + '"x"' + '}' * 901, [None] * 3),
        ('草地, 天空, 公园', [None] * 3),
        # cut
        ('{"1": "grass", "2": "blue s', ['grass', None, None]),
        ('{"1": "grass", "2": ', ['grass', None, None]),
        ('{"1": 12, "2": 3', ['12', None, None]),
        ('```json\n{"1": "gr\\"ass", "2": "a\\u00e9b", "3": "x\\', ['gr"ass', 'aéb', None]),
        # values
        ('{"1": 4, "2": 2.5, "3": null}', ['4', '2.5', '']),
        ('{"1": true, "2": "", "3": []}', [None, '', '']),
        ('{"1": "  grass ", "2": {"x": 1, "y": 2}, "3": {"answer": "a"}}', ['grass', None, 'a']),
        # some are missing
        ('{"2": "blue sky"}', [None, 'blue sky', None]),
        ('1. grass\n3. park', ['grass', None, 'park']),
        # a list of another length has no known order
        ('["grass", "park"]', [None] * 3),
        ('["a", "b", "c", "d"]', [None] * 3),
        # twice, and not the same
        ('{"1": "grass", "2": "sky", "1": "sand"}', [None, 'sky', None]),
        ('{"1": "grass", "Q1": "sand", "3": "park"}', [None, None, 'park']),
        ('1. grass\n1. sand\n2. sky', [None, 'sky', None]),
        # another language is no concern of the reading
        ('{"1": "草地", "2": "ciel", "3": "x"}', ['草地', 'ciel', 'x']),
        # code is a text
        ('{"1": "__import__(\'os\')", "2": "{question}", "3": "[/b]"}',
         ["__import__('os')", '{question}', '[/b]']),
    ],
)  # fmt: skip
def test_malformed_replies(reply, answers):
    assert parse_structured(reply, 3) == answers


def test_a_long_empty_reply_is_read_at_once():
    before = time.process_time()
    assert parse_structured('\n' * 20_000, 1) == [None]
    assert time.process_time() - before < 0.5


@given(st.text())
def test_any_text_is_read(reply):
    answers = parse_structured(reply, 3)
    assert len(answers) == 3
    assert all(a is None or isinstance(a, str) for a in answers)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(JSON, st.integers(0, 5))
def test_any_json_is_read(data, number):
    answers = parse_structured(json.dumps(data), number)
    assert len(answers) == number
    assert all(a is None or isinstance(a, str) for a in answers)


@given(st.lists(st.text().map(str.strip), min_size=1, max_size=16))
def test_what_was_asked_for_is_read_as_it_is(texts):
    reply = json.dumps({str(n): text for n, text in enumerate(texts, 1)})
    assert parse_structured(reply, len(texts)) == texts
