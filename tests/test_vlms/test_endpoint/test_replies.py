import json

import pytest

from qaclims_mm.errors import FormatError
from qaclims_mm.vlms.endpoint.replies import Reply, error_text, read_reply


def body(message=None, **choice):
    choice = dict(message=dict(content='grass') if message is None else message) | choice
    return json.dumps(dict(choices=[choice]))


def logprobs(*values):
    return dict(content=[{'token': 'a', 'logprob': v} for v in values])


@pytest.mark.parametrize(
    ('text', 'reply'),
    [
        (body(), Reply('grass')),
        (body(dict(content='')), Reply('')),
        (body(dict(content=None)), Reply('')),
        (body(dict()), Reply('')),
        (body(dict(content=7)), Reply('')),
        # in parts
        (body(dict(content=[dict(type='text', text='a '), dict(text='b'), 3])), Reply('a b')),
        (body(dict(content=[dict(type='image')])), Reply('')),
        (body(dict(content=None, refusal='I cannot.')), Reply('', refused=True)),
        (body(dict(content='x', refusal=None)), Reply('x')),
        (body(finish_reason='content_filter'), Reply('', refused=True)),
        (body(finish_reason='length'), Reply('grass', cut=True)),
        (body(logprobs=logprobs(-1, -0.5)), Reply('grass', -0.75)),
        (body(logprobs=logprobs(1e-9)), Reply('grass', 0.0)),
        # not finite: Python reads what no JSON is
        (body(logprobs=logprobs(float('-inf'), -0.5)), Reply('grass', -0.5)),
        (body(logprobs=logprobs(None, '-1')), Reply('grass', 0.0)),
        (body(logprobs=dict(content=None)), Reply('grass')),
        (body(logprobs=[1]), Reply('grass')),
        (body(logprobs=None), Reply('grass')),
    ],
)
def test_reply(text, reply):
    assert read_reply(text) == reply


@pytest.mark.parametrize(
    ('usage', 'counts'),
    [
        (dict(prompt_tokens=12, completion_tokens=3), (12, 3)),
        (dict(prompt_tokens=12), (12, None)),
        (dict(prompt_tokens=-1, completion_tokens=True), (None, None)),
        (dict(prompt_tokens='12', completion_tokens=3.0), (None, None)),
        (None, (None, None)),
        ([], (None, None)),
    ],
)
def test_usage(usage, counts):
    reply = read_reply(json.dumps(json.loads(body()) | dict(usage=usage)))
    assert (reply.input_tokens, reply.output_tokens) == counts


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'sent no JSON, or broke off'),
        ('{"choices": [{"mess', 'sent no JSON, or broke off'),
        ('<html>502</html>', 'sent no JSON, or broke off'),
        ('[' * 100_000, 'sent no JSON, or broke off'),
        ('null', 'JSON without a message'),
        ('[]', 'JSON without a message'),
        ('{}', 'JSON without a message'),
        ('{"choices": []}', 'JSON without a message'),
        ('{"choices": {"message": {}}}', 'JSON without a message'),
        ('{"choices": [null]}', 'JSON without a message'),
        ('{"choices": [{"message": "grass"}]}', 'JSON without a message'),
        ('{"error": {"message": "overloaded"}}', 'JSON without a message: overloaded'),
    ],
)
def test_what_is_no_completion(text, message):
    with pytest.raises(FormatError, match=message):
        read_reply(text)


@pytest.mark.parametrize(
    ('data', 'text'),
    [
        (dict(error=dict(message='a', code=3)), 'a'),
        (dict(error='b'), 'b'),
        (dict(message='c'), 'c'),
        (dict(detail=[dict(msg='d')]), 'd'),
        (dict(object='error', message='e', type='BadRequestError'), 'e'),
        ([dict(error=dict(message='f'))], 'f'),
        ({}, ''),
        (None, ''),
        (dict(error=dict(error=dict(error=dict(error=dict(message='deep'))))), ''),
    ],
)
def test_error_text(data, text):
    assert error_text(data) == text
