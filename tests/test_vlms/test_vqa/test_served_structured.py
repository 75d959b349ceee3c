"""A served model answers several questions by one prompt."""

import json

import pytest
from contracts import noise
from tiny_endpoints import QUESTIONS, made, questions_in, say_all, wanted

from benchmarks.chat_server import text_of
from qaclims_mm.schemas.names import counted

pytest.importorskip('openai')


@pytest.mark.parametrize(
    ('reply', 'again'),
    [
        ('{"1": "grass", "2": "sky"}', 1),
        ('{"1": "grass", "2": ', 2),
        ('No.', 3),
        (dict(message=dict(content='{"1": "gr'), finish_reason='length'), 3),
    ],
)
def test_what_cannot_be_read_is_asked_singly(server, reply, again):
    server.reply = lambda prompt: reply if 'JSON' in prompt else 'a bench'
    model = made(server, structured=True)
    [answers] = model.answer([noise(9, 9)], [QUESTIONS[:3]])
    assert [a.text for a in answers] == [*('grass', 'sky')[: 3 - again], *['bench'] * again]
    assert len(server.asked) == 1 + again
    asked = counted(again, 'question', 'were asked again')
    assert model.summary()[-1].startswith(asked)


def test_a_server_that_knows_no_schema(server):
    server.reply = say_all
    text = json.dumps(dict(error=dict(message='response_format is not supported')))
    server.fault = lambda number, body: (400, text) if 'response_format' in body else None
    model = made(server, structured=True)
    [answers] = model.answer([noise(9, 9)], [QUESTIONS])
    assert [a.text for a in answers] == wanted(QUESTIONS)
    assert len(server.asked) == 1


def test_parts_of_a_structured_prompt(server):
    server.reply = say_all
    model = made(server, structured=True, questions_per_call=6)
    [answers] = model.answer([noise(9, 9)], [QUESTIONS])
    assert [a.text for a in answers] == wanted(QUESTIONS)
    assert sorted(len(questions_in(text_of(body))) for body in server.asked) == [4, 6, 6]
