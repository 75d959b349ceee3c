import json
import logging
import subprocess
import sys
import threading
import time

import pytest
from contracts import VLMContract, noise
from tiny_endpoints import QUESTIONS, made, say_all, wanted

from benchmarks.chat_server import MODEL, text_of
from qaclims_mm.corpus.questions import get_questions
from qaclims_mm.errors import ConfigError, RecordError, StageError
from qaclims_mm.vlms.endpoint.pictures import data_url
from qaclims_mm.vlms.vqa.served import ServedVQA

pytest.importorskip('openai')


class ServedContract(VLMContract):
    structured = False

    @pytest.fixture(autouse=True)
    def _model(self, server):
        server.reply = say_all
        model = made(server, self.structured)
        self.make = lambda: model
        yield
        model.close()


class TestSingle(ServedContract):
    pass


class TestStructured(ServedContract):
    structured = True
    # of a single question the server gives the score
    score_tolerance = 1.0


@pytest.mark.parametrize('structured', [False, True])
def test_answers_and_calls(server, structured):
    server.reply = say_all
    model = made(server, structured)
    images = [noise(40, 60), noise(60, 40, seed=1)]
    asked = [QUESTIONS, [q.fill('cat') for q in get_questions()]]
    answers = model.answer(images, asked)
    assert [[a.text for a in group] for group in answers] == [wanted(q) for q in asked]
    assert {a.score for group in answers for a in group} == {0.0 if structured else -0.375}
    assert len(server.asked) == (2 if structured else 32)
    formats = {'response_format' in body for body in server.asked}
    assert formats == {structured}


def test_the_prompt(server):
    model = made(server, prompt='Q: {question} In a word?')
    model.answer([noise(9, 9)], [['What is {x} and [b]?']])
    assert text_of(server.asked[0]) == 'Q: What is {x} and [b]? In a word?'


@pytest.mark.parametrize(('max_side', 'same'), [(None, True), (30, True), (20, False)])
def test_images_are_sent_as_large_as_configured(server, max_side, same):
    model = made(server, max_side=max_side)
    model.answer([noise(20, 30)], [['What?']])
    url = server.asked[0]['messages'][0]['content'][0]['image_url']['url']
    assert (url == data_url(noise(20, 30))) is same
    assert url == data_url(noise(20, 30), max_side)


def test_slots_are_used_together(server):
    server.latency = 0.1
    model = made(server, concurrency=8)
    model.answer([noise(9, 9)] * 2, [QUESTIONS] * 2)
    assert server.peak == 8


def test_it_is_busy_while_requests_wait(server):
    gate = threading.Event()
    model = made(server, concurrency=2)
    server.reply = lambda text: gate.wait(30) and 'grass'
    assert not model.is_busy
    wait = model.begin([noise(9, 9)], [QUESTIONS[:5]])
    assert not model.is_busy
    again = model.begin([noise(9, 9)], [QUESTIONS[:1]])
    assert model.is_busy
    gate.set()
    assert [len(group) for group in wait() + again()] == [5, 1]
    assert not model.is_busy


@pytest.mark.parametrize(
    ('reply', 'text', 'note'),
    [
        ("I'm sorry, I cannot help with that.", '', ''),
        (dict(message=dict(content=None, refusal='No.')), '', 'refused'),
        (dict(message=dict(content=''), finish_reason='content_filter'), '', 'refused'),
        ('草地', '', 'foreign'),
        ('草地 (grass)', '', 'foreign'),
        ('ein Hund auf dem Gras', '', 'foreign'),
        (dict(message=dict(content=None), finish_reason='length'), '', 'cut'),
        (dict(message=dict(content='<think>hm'), finish_reason='length'), '', 'cut'),
        (dict(message=dict(content='green gra'), finish_reason='length'), 'green gra', ''),
        ('<think>It is sand.</think>Grass!', 'grass', ''),
        ('```json\n{"answer": "grass"}\n```', 'grass', ''),
        ('', '', ''),
    ],
)
def test_replies_of_little_use(server, reply, text, note):
    model = made(server)
    server.reply = lambda prompt: reply
    [[answer]] = model.answer([noise(9, 9)], [['What is under the dog?']])
    assert answer.text == text
    words = dict(
        refused='1 question was refused', foreign='1 answer was in another', cut='1 reply was cut'
    )
    [line, *notes] = model.summary()
    assert line.startswith(f'{MODEL}: requests: 2 (')
    assert len(notes) == bool(note)
    assert not note or notes[0].startswith(words[note])


@pytest.mark.parametrize('structured', [False, True])
def test_a_refused_image_costs_that_image(server, structured):
    server.reply = say_all
    model = made(server, structured, concurrency=1)
    bad = data_url(noise(9, 9, seed=1))
    refusal = (400, json.dumps(dict(error=dict(message='flagged', code='content_filter'))))

    def fault(number, body):
        url = body['messages'][0]['content'][0]['image_url']['url']
        return refusal if url == bad else None

    server.fault = fault
    images = [noise(9, 9, seed=s) for s in range(3)]
    first, refused, last = model.answer(images, [QUESTIONS[:4]] * 3)
    assert isinstance(refused, RecordError)
    assert 'refuses the image (status 400: flagged)' in str(refused)
    assert [a.text for a in first] == [a.text for a in last] == wanted(QUESTIONS[:4])
    # a refused image is not sent again
    assert len(server.asked) == (3 if structured else 9)


def test_a_server_that_dies_ends_all(server):
    model = made(server, concurrency=4, retries=1)
    server.fault = lambda number, body: (500, 'dead') if number > 5 else None
    with pytest.raises(StageError, match=r'cannot answer \(status 500: dead\)\. Run the same'):
        model.answer([noise(9, 9)] * 10, [QUESTIONS] * 10)
    # those in flight, their second attempts, and one whether the image is to blame
    assert len(server.asked) <= 6 + 2 * 4 + 1
    model.close()


@pytest.mark.parametrize(('reply', 'warned'), [('I see no image.', True), ('It is red.', False)])
def test_a_model_that_sees_nothing_is_reported_at_once(server, reply, warned, monkeypatch):
    lines = []
    note = lambda text, logger, level: lines.append((text, level))  # noqa: E731
    monkeypatch.setattr('qaclims_mm.vlms.vqa.served.print_log', note)
    server.reply = lambda prompt: reply
    made(server)
    assert len(lines) == warned
    for text, level in lines:
        start = f'{MODEL} was asked for the color of a red image and said {reply!r}; '
        assert text.startswith(start)
        assert level == logging.WARNING


def test_closing_does_not_wait_for_the_server(server):
    model = made(server, concurrency=4)
    gate = threading.Event()
    server.reply = lambda prompt: gate.wait(60) and 'grass'
    model.begin([noise(9, 9)], [QUESTIONS])
    while len(server.asked) < 4:
        time.sleep(0.01)
    model.close()
    assert not gate.is_set()
    assert len(server.asked) == 4
    gate.set()


def test_a_model_without_vision(server):
    text = json.dumps(dict(error=dict(message='stub-vl is not a multimodal model')))
    server.fault = lambda number, body: (400, text)
    with pytest.raises(ConfigError, match=r"'stub-vl' takes no images; serve a model with vision"):
        made(server)


def test_it_opens_again(server):
    model = made(server)
    before = model.answer([noise(9, 9)], [QUESTIONS])
    model.close()
    model.close()
    assert model.summary() == []
    assert model.answer([noise(9, 9)], [QUESTIONS]) == before


def test_the_cost_is_in_the_summary(server):
    model = made(server, price_input=2.0)
    model.answer([noise(9, 9)], [QUESTIONS[:9]])
    # ten requests of 100 tokens, with the first image
    assert model.summary()[0].endswith('cost 0.0020 at the prices of the config')


@pytest.mark.parametrize(
    ('options', 'kind', 'message'),
    [
        (dict(max_new_tokens=0), ValueError, 'max_new_tokens must be at least 1, but got 0'),
        (dict(max_side=-1), ValueError, 'max_side must be at least 1, but got -1'),
        (dict(questions_per_call=0), ValueError, 'questions_per_call must be at least 1'),
        (dict(prompt='no field'), ValueError, r'must have the field \{question\} once'),
        (dict(server={}), ConfigError, 'server must have the base_url'),
        (dict(model='sk-proj-Q7distinctive1234567890abcdef'), ConfigError, 'vqa: model looks like'),
    ],
)
def test_options(options, kind, message):
    values = dict(model=MODEL, server=dict(base_url='http://localhost/v1')) | options
    with pytest.raises(kind, match=message):
        ServedVQA(**values)


def test_the_client_is_imported_late():
    code = 'import sys, qaclims_mm.vlms; print("openai" in sys.modules, "httpx2" in sys.modules)'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ['False', 'False']
