import pytest

from qaclims_mm.errors import ConfigError
from qaclims_mm.schemas.secrets import check_no_secrets, is_variable, looks_like_key

# made up, in the form of each provider
KEYS = (
    'sk-proj-Q7aBcDeFgHiJkLmNoPqRsTuVwXyZ0123',
    'sk-ant-api03-Q7aBcDeFgHiJkLmNoPqRsTuVwXyZ',
    'sk-or-v1-0123456789abcdef0123456789abcdef',
    'sk-0123456789abcdef0123456789abcdef',
    'gsk_Q7aBcDeFgHiJkLmNoPqRsTuVwXyZ0123',
    'hf_QaBcDeFgHiJkLmNoPqRsTuVwXyZabcdefg',
    'nvapi-Q7aBcDeFgHiJkLmNoPqRsTuVwXyZ0123',
    'AIzaSyQ7aBcDeFgHiJkLmNoPqRsTuVwXyZ0123',
    'Bearer abcdefgh12345678',
    'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abc',
    'http://me:secret@localhost:8000/v1',
    'https://host/v1?api_key=abc',
    'https://host/v1?x=1&token=abc',
)
HARMLESS = (
    'http://localhost:8000/v1',
    'Qwen/Qwen2.5-VL-7B-Instruct',
    'hf-hub:timm/ViT-SO400M-14-SigLIP-384',
    'OPENAI_API_KEY',
    'a photo of {answer}',
    'data/sk-learn-model-2024/weights.pth',
    'work_dirs/voc12@2/seed0',
    'https://host/path?model=a',
    '',
)


@pytest.mark.parametrize('text', KEYS)
def test_keys(text):
    assert looks_like_key(text)
    assert looks_like_key(f'see {text}') or '://' in text


@pytest.mark.parametrize('text', HARMLESS)
def test_harmless(text):
    assert not looks_like_key(text)


@pytest.mark.parametrize(
    ('config', 'place'),
    [
        (dict(model=dict(vqa=dict(api_key='x'))), 'model.vqa.api_key'),
        (
            dict(model=dict(vqa=dict(server={'Authorization': 'x'}))),
            'model.vqa.server.Authorization',
        ),
        (dict(hooks=[dict(), dict(note=KEYS[0])]), 'hooks[1].note'),
        (dict(a=('b', KEYS[5])), 'a[1]'),
        ({KEYS[0]: 1}, '(a name)'),
        (dict(a={KEYS[0]: 1}), 'a.(a name)'),
        ({'password': 'x'}, 'password'),
        # no key has a form that all others lack
        (dict(server=dict(api_key_env='4f1c-77')), 'server.api_key_env'),
        (dict(server=dict(api_key_env='a1' * 16)), 'server.api_key_env'),
        (dict(server=dict(api_key_env='7c0ffee7c0ffee')), 'server.api_key_env'),
    ],
)
def test_a_config_with_a_key_is_refused_by_the_name_of_the_option(config, place):
    with pytest.raises(ConfigError) as caught:
        check_no_secrets(config, 'my.py')
    assert str(caught.value).startswith(f'my.py: {place} looks like a key or a password, ')
    hidden = (*KEYS, '4f1c-77', 'a1a1', 'c0ffee')
    assert not any(key in str(caught.value) for key in hidden)


@pytest.mark.parametrize(
    ('address', 'advice'),
    [
        (dict(base_url='http://me:secret@host/v1'), 'as a key? Put it into'),
        (dict(base_url='https://host/v1?api_key=abc'), 'as a key? Put it into'),
        (dict(checkpoint='https://me@host/x.pth'), 'give its path.'),
        (dict(files=['a', 'ftp://me:secret@host/x']), 'give its path.'),
    ],
)
def test_an_address_with_a_password(address, advice):
    with pytest.raises(ConfigError) as caught:
        check_no_secrets(dict(a=address), 'my.py')
    text = str(caught.value)
    assert 'looks like an address with a password or a key, ' in text
    assert 'Give the address without it' in text
    assert advice in text
    assert 'secret' not in text
    assert 'abc' not in text


@pytest.mark.parametrize(
    'name', ['OPENAI_API_KEY', 'key', '_k2', 'MY_KEY_OF_2026_FOR_TESTS', 'K' * 30]
)
def test_names_of_variables(name):
    assert is_variable(name)
    check_no_secrets(dict(server=dict(api_key_env=name)), 'my.py')


@pytest.mark.parametrize(
    'value', [None, 3, '', '2x', 'a b', 'MY-KEY', KEYS[0], 'mI3xQ7aBcDeFgHiJkLmN']
)
def test_what_is_no_name_of_a_variable(value):
    assert not is_variable(value)


def test_other_configs_pass():
    check_no_secrets(
        dict(
            server=dict(base_url=HARMLESS[0], api_key_env='OPENAI_API_KEY'),
            encoder_token_id=30523,
            password='',
            api_key=None,
            texts=list(HARMLESS),
        ),
        'my.py',
    )
