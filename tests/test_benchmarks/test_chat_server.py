import pytest
import requests

from benchmarks.chat_server import MODEL, Behaviour, say, serving


def post(url, text='What is it?', model=MODEL, key='none', **more):
    content = [dict(type='image_url', image_url=dict(url='data:')), dict(type='text', text=text)]
    body = dict(model=model, messages=[dict(role='user', content=content)], **more)
    headers = dict(Authorization=f'Bearer {key}')
    return requests.post(f'{url}/chat/completions', json=body, headers=headers, timeout=30)


def test_an_answer():
    own = Behaviour()
    with serving(own) as url:
        [choice] = post(url, logprobs=True).json()['choices']
        assert choice['message'] == dict(role='assistant', content=say('What is it?'))
        assert len(choice['logprobs']['content']) == 2
        [choice] = post(url).json()['choices']
        assert 'logprobs' not in choice
        models = requests.get(f'{url}/models', timeout=30).json()['data']
        assert [m['id'] for m in models] == [MODEL]
    assert len(own.asked) == len(own.times) == 2
    assert own.open == 0
    assert own.peak == 1


@pytest.mark.parametrize(
    ('own', 'options', 'status'),
    [
        (dict(key='abc'), dict(key='abc'), 200),
        (dict(key='abc'), {}, 401),
        ({}, dict(model='other'), 404),
        (dict(fault=lambda number, body: (429, 'wait', {'Retry-After': '3'})), {}, 429),
    ],
)
def test_status(own, options, status):
    with serving(Behaviour(**own)) as url:
        found = post(url, **options)
    assert found.status_code == status
    assert status != 429 or found.headers['Retry-After'] == '3'


@pytest.mark.parametrize('fault', ['cut', 'reset'])
def test_broken_connections(fault):
    own = Behaviour(fault=lambda number, body: fault)
    with serving(own) as url, pytest.raises(requests.RequestException):
        post(url)
    assert len(own.asked) == 1
