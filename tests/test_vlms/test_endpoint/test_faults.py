import re

import pytest
from endpoint_errors import REPEATING, TOO_LONG, UNKNOWN, error

from qaclims_mm.errors import ConfigError, StageError
from qaclims_mm.vlms.endpoint.faults import Fault, Kind, ending, judge, refuses_images, words_of
from qaclims_mm.vlms.endpoint.settings import ServerSettings

SENT = frozenset(['logprobs', 'temperature', 'max_tokens', 'response_format'])


@pytest.mark.parametrize(
    ('status', 'body', 'kind', 'option'),
    [
        *((s, '', Kind.AGAIN, '') for s in (408, 409, 425, 429, 500, 502, 503, 504, 529)),
        (429, error('Rate limit reached'), Kind.AGAIN, ''),
        (429, error('You exceeded your current quota', code='insufficient_quota'), Kind.END, ''),
        *((s, error('no'), Kind.END, '') for s in (401, 402, 403, 404, 405)),
        (400, error('Image is too small'), Kind.RECORD, ''),
        (413, '<html><title>Payload too large</title></html>', Kind.RECORD, ''),
        (422, error('cannot identify image file'), Kind.RECORD, ''),
        (400, error('content_filter: flagged', code='content_filter'), Kind.RECORD, ''),
        # an option that the server does not know
        (400, error('logprobs is not supported by this model'), Kind.WITHOUT, 'logprobs'),
        (400, error("Unsupported value: 'temperature'"), Kind.WITHOUT, 'temperature'),
        (400, error("Unsupported parameter: 'max_tokens', use"), Kind.WITHOUT, 'max_tokens'),
        (422, error('response_format.json_schema is unknown'), Kind.WITHOUT, 'response_format'),
        # a filter comes first
        (400, error('response_format: content filter'), Kind.RECORD, ''),
    ],
)
def test_judge(status, body, kind, option):
    fault = judge(status, body, SENT)
    assert (fault.kind, fault.option, fault.status) == (kind, option, status)
    assert fault.text.startswith(f'status {status}')


@pytest.mark.parametrize('status', [400, 422])
@pytest.mark.parametrize('body', TOO_LONG.values(), ids=TOO_LONG)
def test_an_input_that_is_too_long_drops_no_option(body, status):
    fault = judge(status, body, SENT)
    assert (fault.kind, fault.option) == (Kind.RECORD, '')


@pytest.mark.parametrize('status', [400, 422])
@pytest.mark.parametrize(('body', 'option'), UNKNOWN.values(), ids=UNKNOWN)
def test_an_option_that_the_server_does_not_take_is_left_out(body, option, status):
    fault = judge(status, body, SENT)
    assert (fault.kind, fault.option) == (Kind.WITHOUT, option)
    # without it, the same words are about something else
    assert judge(status, body, SENT - {option}).option != option


@pytest.mark.parametrize('body', REPEATING.values(), ids=REPEATING)
def test_a_request_that_an_error_repeats_names_no_option(body):
    assert judge(400, body, SENT).kind is Kind.RECORD


def test_an_error_of_many_levels():
    assert judge(400, '[' * 900 + '"logprobs"' + ']' * 900, SENT).option == 'logprobs'


def test_an_option_that_was_not_sent_is_not_left_out():
    assert judge(400, error('logprobs is unknown'), frozenset()).kind is Kind.RECORD


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('status 400: this model does not support image input', True),
        ('status 400: At most 0 image(s) may be provided', True),
        ('status 400: messages[0].content must be a string', True),
        ('status 422: Input should be a valid string, expected string', True),
        ('status 400: no multimodal projector', True),
        ('status 400: the image was flagged by the content filter', False),
        ('status 400: context is too long', False),
    ],
)
def test_refuses_images(text, expected):
    assert refuses_images(text) is expected


@pytest.mark.parametrize(
    ('body', 'words'),
    [
        ('', ''),
        (error('a\n b'), 'a b'),
        ('<html><h1>502 Bad\nGateway</h1></html>', '502 Bad Gateway'),
        ('not JSON', 'not JSON'),
        ('x' * 5000, 'x' * 197 + '...'),
        ('[' * 100_000, '[' * 197 + '...'),
    ],
)
def test_words(body, words):
    assert words_of(body) == words


@pytest.mark.parametrize(
    ('fault', 'settings', 'kind', 'message'),
    [
        (
            Fault(Kind.END, 'status 401: no', 401),
            dict(api_key_env='MY_KEY'),
            ConfigError,
            'http://x/v1 refuses the key (status 401: no); check the key in MY_KEY.',
        ),
        (
            Fault(Kind.END, 'status 403', 403),
            {},
            ConfigError,
            'set server.api_key_env to the name of the environment variable that holds it.',
        ),
        (
            Fault(Kind.END, 'status 404', 404),
            {},
            ConfigError,
            "http://x/v1 has no model 'm' (status 404); it has a, b.",
        ),
        (
            Fault(Kind.AGAIN, 'no connection: refused'),
            {},
            StageError,
            'http://x/v1 does not answer (no connection: refused); start the server or correct '
            'server.base_url. Run the same command again: it asks only what is missing.',
        ),
        (
            Fault(Kind.AGAIN, 'status 500', 500),
            {},
            StageError,
            'http://x/v1 cannot answer (status 500). Run the same command again: ',
        ),
    ],
)
def test_ending(fault, settings, kind, message):
    found = ending(fault, ServerSettings('http://x/v1', **settings), 'm', ['b', 'a'])
    assert type(found) is kind
    assert re.search(re.escape(message), str(found))


def test_many_models_are_cut():
    fault = Fault(Kind.END, 'status 404', 404)
    found = ending(fault, ServerSettings('http://x/v1'), 'm', [f'm{n:02}' for n in range(20)])
    assert str(found).endswith('m11 and 8 more.')
    assert str(ending(fault, ServerSettings('http://x'), 'm')).endswith('most end in /v1.')
