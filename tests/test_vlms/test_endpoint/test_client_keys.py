"""The client sends the key to its server, and writes it nowhere."""

import logging
import traceback

import pytest
from endpoint_errors import error
from tiny_endpoints import SECRET, ask, failing, opened

from qaclims_mm.errors import ConfigError, QAClimsError

pytest.importorskip('openai')


def test_no_key_is_needed_or_sent(server, monkeypatch):
    """A key of the environment that the config does not name is for another server."""
    monkeypatch.setenv('OPENAI_API_KEY', SECRET)
    server.key = 'none'
    ask(opened(server))


def test_the_key_of_the_variable_is_sent(server, monkeypatch):
    monkeypatch.setenv('MY_KEY', f'{SECRET}\n')
    server.key = SECRET
    ask(opened(server, api_key_env='MY_KEY'))


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
