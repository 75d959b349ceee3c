import re

import pytest

from qaclims_mm.errors import ConfigError
from qaclims_mm.vlms.endpoint.settings import ServerSettings, read_settings

URL = 'http://localhost:8000/v1'


def test_defaults():
    assert read_settings(dict(base_url=URL)) == ServerSettings(URL)


def test_all_options():
    values = dict(
        base_url='https://models.example.org/v1/', api_key_env='MY_KEY', concurrency=32,
        requests_per_minute=0.5, timeout=3, retries=0, price_input=0, price_output=1.25,
    )  # fmt: skip
    assert read_settings(values) == ServerSettings(**values)


@pytest.mark.parametrize(
    ('values', 'message'),
    [
        ({}, "server must have the base_url of the endpoint, such as dict(base_url='"),
        (
            dict(base_url='localhost:8000'),
            "must begin with http:// or https://, but got 'localhost",
        ),
        (dict(base_url='http:///v1'), "must begin with http:// or https://, but got 'http:///v1'"),
        (dict(base_url=8000), 'must begin with http:// or https://, but got 8000'),
        (dict(base_url=URL, api_key_env='MY-KEY'), 'server: api_key_env looks like a key'),
        (dict(base_url=URL, api_key_env=''), 'must be the name of an environment variable'),
        (dict(base_url=URL, api_key_env=3), 'must be the name of an environment variable'),
        (
            dict(base_url=URL, concurrencies=3),
            "no option 'concurrencies'; did you mean concurrency",
        ),
        (dict(base_url=URL, zzz=3), "no option 'zzz'; known are base_url, api_key_env,"),
        (
            dict(base_url=URL, concurrency=0),
            'concurrency must be a whole number of at least 1, but',
        ),
        (dict(base_url=URL, concurrency=2.0), 'must be a whole number of at least 1, but got 2.0'),
        (
            dict(base_url=URL, concurrency=True),
            'must be a whole number of at least 1, but got True',
        ),
        (
            dict(base_url=URL, retries=-1),
            'retries must be a whole number of at least 0, but got -1',
        ),
        (dict(base_url=URL, timeout=0), 'timeout must be a number of at least 0.001, but got 0'),
        (dict(base_url=URL, timeout=None), 'timeout must be a number of at least 0.001, but got N'),
        (dict(base_url=URL, timeout=float('nan')), 'timeout must be a number of at least 0.001'),
        (
            dict(base_url=URL, price_input='1 EUR'),
            'price_input must be a number of at least 0, but',
        ),
    ],
)
def test_errors(values, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        read_settings(values)


SECRET = 'sk-proj-Q7distinctive1234567890abcdef'


@pytest.mark.parametrize(
    'values',
    [
        dict(base_url=URL, api_key=SECRET),
        dict(base_url=URL, api_key='some plain words'),
        dict(base_url=URL, api_key_env=SECRET),
        dict(base_url=f'http://user:{SECRET}@host/v1'),
        dict(base_url=f'{URL}?api_key={SECRET}'),
        {'base_url': URL, SECRET: 1},
    ],
)
def test_keys_are_refused_and_not_repeated(values):
    with pytest.raises(ConfigError) as caught:
        read_settings(values)
    assert SECRET not in str(caught.value)
    assert 'some plain' not in str(caught.value)
