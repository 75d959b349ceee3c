import json
import sys
import time

import pytest
from endpoint_errors import error
from tiny_endpoints import IMAGE, ask, failing, opened

from benchmarks.chat_server import MODEL
from qaclims_mm.errors import ConfigError, RecordError, StageError
from qaclims_mm.vlms.endpoint import client
from qaclims_mm.vlms.endpoint.client import Endpoint
from qaclims_mm.vlms.endpoint.pictures import Picture
from qaclims_mm.vlms.endpoint.settings import ServerSettings

pytest.importorskip('openai')


def test_a_request(server):
    endpoint = opened(server)
    reply = ask(endpoint)
    assert reply.text.startswith('The answer is a thing')
    assert reply.score == -0.375
    [body] = server.asked
    assert body['model'] == MODEL
    assert (body['temperature'], body['max_tokens'], body['logprobs']) == (0.0, 16, True)
    assert 'response_format' not in body
    [message] = body['messages']
    picture, text = message['content']
    assert text == dict(type='text', text='What is it?')
    assert picture['image_url'] == dict(url=Picture(IMAGE).url())
    assert endpoint.usage.summary(endpoint.settings).startswith('requests: 1 (failed attempts: 0)')
    endpoint.close()


@pytest.mark.parametrize(
    ('fault', 'retries'),
    [
        ((429, error('slow down')), 2),
        ((429, error('slow down'), {'Retry-After': '0'}), 2),
        ((500, 'oops'), 3),
        ((503, '<html>busy</html>'), 1),
        ((200, '{"choices": [{"mess'), 2),
        ((200, 'null'), 2),
        ((200, '{"error": {"message": "CUDA error"}}'), 2),
        ('reset', 2),
        ('cut', 2),
    ],
)
def test_errors_that_pass(server, fault, retries):
    server.fault = failing(retries, fault)
    endpoint = opened(server, retries=retries)
    assert ask(endpoint).text
    assert len(server.asked) == retries + 1
    assert endpoint.usage.retries == retries


@pytest.mark.parametrize(
    ('fault', 'said'),
    [
        ((429, error('slow down')), r'cannot answer \(status 429: slow down\)'),
        ((500, 'oops'), r'cannot answer \(status 500: oops\)'),
        ((200, '{"choi'), r'cannot answer \(the server sent no JSON, or broke off within it\)'),
        ('reset', r'does not answer \(no connection: '),
        ('cut', r'does not answer \(no connection: '),
    ],
)
def test_errors_that_stay(server, fault, said):
    server.fault = failing(99, fault)
    with pytest.raises(StageError, match=rf'^{server.url} {said}') as caught:
        ask(opened(server, retries=2))
    assert str(caught.value).endswith('Run the same command again: it asks only what is missing.')
    assert '\n' not in str(caught.value)
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ('fault', 'said'),
    [
        ((500, 'oops'), r'status 500: oops'),
        ((200, '{"choi'), r'the server sent no JSON, or broke off within it'),
        ('reset', r'no connection: .*'),
    ],
)
def test_an_image_with_which_the_server_fails_ends_nothing(server, fault, said):
    bad = Picture(IMAGE).url()
    server.fault = lambda number, body: fault if bad in json.dumps(body) else None
    endpoint = opened(server, retries=2)
    endpoint.check_vision(Picture(255 - IMAGE), 'What is it?', 16)
    with pytest.raises(RecordError, match=rf'^the server fails with this image \({said}\)\.$'):
        ask(endpoint)
    assert endpoint.ask(Picture(255 - IMAGE), 'What is it?', 16).text
    # the first image, three attempts, the first image again, and another one
    assert len(server.asked) == 6


@pytest.mark.parametrize('fault', [(429, 'slow down'), (500, 'oops'), 'reset'])
def test_a_server_that_fails_with_all_images_ends_the_run(server, fault):
    endpoint = opened(server, retries=1)
    endpoint.check_vision(Picture(255 - IMAGE), 'What is it?', 16)
    server.fault = failing(99, fault)
    with pytest.raises(StageError, match=r'Run the same command again'):
        ask(endpoint)


def test_a_slow_server(server):
    server.latency = 0.6
    with pytest.raises(StageError, match=r'does not answer \(no reply within 0\.2 s\)'):
        ask(opened(server, timeout=0.2, retries=0))


def test_no_server():
    endpoint = Endpoint(MODEL, ServerSettings('http://127.0.0.1:9/v1'))
    with pytest.raises(StageError, match=r'does not answer \(no connection: .*start the server'):
        endpoint.open()


def test_retry_after_is_waited_for_by_all(server):
    server.fault = failing(1, (429, 'wait', {'Retry-After': '0.5'}))
    endpoint = opened(server)
    before = time.monotonic()
    ask(endpoint)
    assert time.monotonic() - before >= 0.5


def test_the_rate_is_limited(server):
    endpoint = opened(server, requests_per_minute=600)
    before = time.monotonic()
    for _ in range(6):
        ask(endpoint)
    assert time.monotonic() - before >= 0.5


@pytest.mark.parametrize(
    ('option', 'message'),
    [
        ('logprobs', 'logprobs is not supported'),
        ('temperature', "Unsupported value: 'temperature' does not support 0"),
        ('response_format', 'response_format of type json_schema is unknown'),
    ],
)
def test_an_unknown_option_is_left_out_from_then_on(server, option, message):
    server.fault = lambda number, body: (400, error(message)) if option in body else None
    endpoint = opened(server, retries=0)
    for _ in range(2):
        assert ask(endpoint, response_format=dict(type='json_schema')).text
    assert [option in body for body in server.asked] == [True, False, False]
    assert endpoint.usage.retries == 0


def test_the_newer_name_of_max_tokens(server):
    message = "Unsupported parameter: 'max_tokens', use 'max_completion_tokens' instead."
    server.fault = lambda number, body: (400, error(message)) if 'max_tokens' in body else None
    ask(opened(server))
    assert server.asked[1]['max_completion_tokens'] == 16
    assert 'max_tokens' not in server.asked[1]


def test_a_long_input_costs_that_image_alone(server):
    message = (
        "'max_tokens' is too large: 16. This model's maximum context length is 2048 tokens and "
        'your request has 2040 input tokens.'
    )
    server.fault = failing(1, (400, error(message)))
    endpoint = opened(server)
    with pytest.raises(RecordError, match=r'maximum context length is 2048 tokens'):
        ask(endpoint)
    assert ask(endpoint).text
    assert [body.get('max_tokens') for body in server.asked] == [16, 16]


@pytest.mark.parametrize(
    'fault', [(400, error('bad image')), (413, 'too large'), (422, error('flagged as unsafe'))]
)
def test_a_refused_image_ends_nothing(server, fault):
    server.fault = failing(1, fault)
    endpoint = opened(server)
    with pytest.raises(RecordError, match=rf'refuses the image \(status {fault[0]}: '):
        ask(endpoint)
    assert ask(endpoint).text
    assert len(server.asked) == 2


def test_an_unknown_model(server):
    server.models = ('a-model', 'b-model')
    with pytest.raises(ConfigError, match=r"has no model 'stub-vl' .*; it has a-model, b-model\.$"):
        ask(opened(server))


def test_a_server_without_a_list_of_models(server, monkeypatch):
    monkeypatch.setattr('benchmarks.chat_server.Handler.do_GET', lambda self: self._send(404, ''))
    assert opened(server).models() == []


@pytest.mark.parametrize(
    ('message', 'said'),
    [
        ('this model does not support image input', 'takes no images; serve a model with vision'),
        ('content must be a string', 'takes no images; serve a model with vision'),
        ('max_tokens is of the wrong kind of thing', 'so the server would refuse all images'),
        ('something else', 'It was a red square, so the server would refuse all images'),
    ],
)
def test_a_server_without_vision(server, message, said):
    server.fault = failing(99, (400, error(message)))
    with pytest.raises(ConfigError, match=said) as caught:
        opened(server).check_vision(Picture(IMAGE), 'What is it?', 16)
    assert message in str(caught.value)


def test_after_the_end_nothing_is_sent(server):
    server.fault = failing(99, (500, 'oops'))
    endpoint = opened(server, retries=0)
    for _ in range(2):
        with pytest.raises(StageError, match='status 500: oops'):
            ask(endpoint)
    assert len(server.asked) == 1


def test_closed(server):
    endpoint = opened(server)
    endpoint.close()
    with pytest.raises(StageError, match='the requests were ended'):
        ask(endpoint)


def test_without_the_package(server, monkeypatch):
    monkeypatch.setitem(sys.modules, 'openai', None)
    with pytest.raises(ImportError, match=r"run: pip install 'qaclims_mm\[served\]'"):
        opened(server)


def test_a_bug_is_no_fault_of_the_server(server, monkeypatch):
    endpoint = opened(server)

    def broken(text):
        raise RuntimeError('a bug')

    monkeypatch.setattr(client, 'read_reply', broken)
    with pytest.raises(RuntimeError, match='a bug'):
        ask(endpoint)
