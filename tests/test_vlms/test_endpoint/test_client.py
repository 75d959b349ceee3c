import json
import logging
import sys
import time
import traceback

import numpy as np
import pytest

from benchmarks.chat_server import MODEL, Behaviour, serving
from qaclims_mm.errors import ConfigError, QAClimsError, RecordError, StageError
from qaclims_mm.vlms.endpoint import client, pacing
from qaclims_mm.vlms.endpoint.client import Endpoint
from qaclims_mm.vlms.endpoint.pictures import Picture
from qaclims_mm.vlms.endpoint.settings import ServerSettings

pytest.importorskip('openai')

IMAGE = np.full((20, 30, 3), 90, np.uint8)
SECRET = 'sk-proj-Q7distinctive1234567890abcdef'


@pytest.fixture(autouse=True)
def _short_delays(monkeypatch):
    monkeypatch.setattr(pacing, 'FIRST_DELAY', 0.001)


@pytest.fixture
def server():
    behaviour = Behaviour()
    with serving(behaviour) as behaviour.url:
        yield behaviour


def opened(server, model=MODEL, **options):
    endpoint = Endpoint(model, ServerSettings(server.url, **options))
    endpoint.open()
    return endpoint


def ask(endpoint, **options):
    return endpoint.ask(Picture(IMAGE), 'What is it?', 16, **options)


def failing(times, fault):
    """Return a fault of the first requests."""
    return lambda number, body: fault if number < times else None


def error(message, **more):
    return json.dumps(dict(error=dict(message=message, **more)))


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
    assert endpoint.usage.summary(endpoint.settings).startswith('1 requests (0 failed attempts)')
    endpoint.close()


def test_no_key_is_needed_or_sent(server, monkeypatch):
    """A key of the environment that the config does not name is for another server."""
    monkeypatch.setenv('OPENAI_API_KEY', SECRET)
    server.key = 'none'
    ask(opened(server))


def test_the_key_of_the_variable_is_sent(server, monkeypatch):
    monkeypatch.setenv('MY_KEY', f'{SECRET}\n')
    server.key = SECRET
    ask(opened(server, api_key_env='MY_KEY'))


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
    with pytest.raises(RecordError, match=rf'^{server.url} fails with this image \({said}\)\.$'):
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


@pytest.mark.parametrize('value', [None, '', '  \n'])
def test_a_missing_key(server, monkeypatch, value):
    monkeypatch.delenv('MY_KEY', raising=False)
    if value is not None:
        monkeypatch.setenv('MY_KEY', value)
    with pytest.raises(ConfigError, match=r'variable MY_KEY, .* is not set; .*: export MY_KEY='):
        opened(server, api_key_env='MY_KEY')


@pytest.mark.parametrize('value', ['sk-ключ', 'a\x00b', 'two\nlines'])
def test_a_broken_key(server, monkeypatch, value):
    monkeypatch.setattr('os.environ', dict(MY_KEY=value))
    with pytest.raises(ConfigError, match='MY_KEY has characters that no key has') as caught:
        opened(server, api_key_env='MY_KEY')
    assert value not in str(caught.value)


def test_a_config_that_repeats_the_key(server, monkeypatch):
    monkeypatch.setenv('MY_KEY', 'an-odd-key')
    with pytest.raises(ConfigError, match='the config contains the key of MY_KEY') as caught:
        opened(server, model='an-odd-key', api_key_env='MY_KEY')
    assert 'an-odd-key' not in str(caught.value)


@pytest.mark.parametrize('status', [401, 403])
@pytest.mark.parametrize('where', ['models', 'chat'])
def test_a_refused_key_stands_nowhere(server, monkeypatch, caplog, status, where):
    """Servers repeat the key in their message, and Python shows the chain of causes."""
    caplog.set_level(logging.INFO)
    monkeypatch.setenv('MY_KEY', SECRET)
    refusal = (status, error(f'Incorrect API key provided: {SECRET}.'))
    if where == 'models':
        get = lambda self: self._send(*refusal)  # noqa: E731
        monkeypatch.setattr('benchmarks.chat_server.Handler.do_GET', get)
    server.fault = failing(99, refusal)
    message = rf'refuses the key \(status {status}: .*\*\*\*.*\); check the key in MY_KEY\.$'
    with pytest.raises(ConfigError, match=message) as caught:
        ask(opened(server, api_key_env='MY_KEY'))
    shown = ''.join(traceback.format_exception(caught.value)) + caplog.text
    assert SECRET not in shown
    assert SECRET not in repr(caught.value)


@pytest.mark.parametrize('fault', [(400, SECRET), (500, SECRET), (200, f'"{SECRET}"'), 'reset'])
def test_no_error_has_the_key(server, monkeypatch, caplog, fault):
    caplog.set_level(logging.INFO)
    monkeypatch.setenv('MY_KEY', SECRET)
    server.fault = failing(99, fault)
    with pytest.raises(QAClimsError) as caught:
        ask(opened(server, api_key_env='MY_KEY', retries=1))
    assert SECRET not in ''.join(traceback.format_exception(caught.value)) + caplog.text


@pytest.mark.parametrize('place', [100, 160, 170, 185, 195, 198, 210])
def test_no_part_of_the_key_is_left_where_a_message_is_cut(server, monkeypatch, place):
    monkeypatch.setenv('MY_KEY', SECRET)
    server.fault = failing(99, (500, error('x' * place + SECRET)))
    with pytest.raises(QAClimsError) as caught:
        ask(opened(server, api_key_env='MY_KEY', retries=0))
    assert 'sk-' not in str(caught.value)


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
