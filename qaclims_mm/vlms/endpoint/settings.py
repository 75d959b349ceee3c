"""The settings of an endpoint: address, key, limits and prices."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlsplit

from qaclims_mm.errors import ConfigError
from qaclims_mm.schemas.secrets import check_no_secrets, is_variable

_ADVICE = "such as dict(base_url='http://localhost:8000/v1')"
# {option: its types and its least value}
_LEAST: dict[str, tuple[Any, float]] = {
    'concurrency': (int, 1),
    'requests_per_minute': ((int, float), 0.001),
    'timeout': ((int, float), 0.001),
    'retries': (int, 0),
    'price_input': ((int, float), 0),
    'price_output': ((int, float), 0),
}
_OPTIONAL = ('requests_per_minute', 'price_input', 'price_output')


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Address, key, limits and prices of an endpoint. None of them changes an answer.

    Attributes:
        base_url: Address of the endpoint, which usually ends in ``/v1``.
        api_key_env: Name of the environment variable that holds the key; ``None`` for a server
            without a key.
        concurrency: Number of requests that are open at the same time.
        requests_per_minute: Highest rate of requests; ``None`` sets no limit.
        timeout: Seconds that a request may take.
        retries: Number of further attempts after a temporary error.
        price_input: Price of a million tokens of prompts, in any currency.
        price_output: Price of a million tokens of replies, in the same currency.
    """

    base_url: str
    api_key_env: str | None = None
    concurrency: int = 8
    requests_per_minute: float | None = None
    timeout: float = 120.0
    retries: int = 6
    price_input: float | None = None
    price_output: float | None = None


def read_settings(values: Mapping[str, Any]) -> ServerSettings:
    """Check the options of an endpoint.

    Args:
        values: {name of an attribute of ``ServerSettings``: value}.

    Raises:
        ConfigError: If an option is unknown, missing or out of range, or holds a key.
    """
    check_no_secrets(values, 'server')
    known = [f.name for f in fields(ServerSettings)]
    for name in values:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            hint = f'did you mean {near[0]}?' if near else f'known are {", ".join(known)}.'
            raise ConfigError(f'server has no option {name!r}; {hint}')
    if 'base_url' not in values:
        raise ConfigError(f'server must have the base_url of the endpoint, {_ADVICE}.')
    settings = ServerSettings(**values)
    _check_names(settings)
    _check_numbers(settings)
    return settings


def _check_names(settings: ServerSettings) -> None:
    url, variable = settings.base_url, settings.api_key_env
    parts = urlsplit(url) if isinstance(url, str) else None
    if parts is None or parts.scheme not in ('http', 'https') or not parts.hostname:
        raise ConfigError(
            f'server.base_url must begin with http:// or https://, but got {url!r}; {_ADVICE}.'
        )
    # the value is not repeated: it may be a key
    if variable is not None and not is_variable(variable):
        raise ConfigError(
            'server.api_key_env must be the name of an environment variable, such as '
            'OPENAI_API_KEY, and not the key itself.'
        )


def _check_numbers(settings: ServerSettings) -> None:
    for name, (kind, lowest) in _LEAST.items():
        value = getattr(settings, name)
        if value is None and name in _OPTIONAL:
            continue
        if isinstance(value, bool) or not isinstance(value, kind) or not value >= lowest:
            word = 'a whole number' if kind is int else 'a number'
            raise ConfigError(
                f'server.{name} must be {word} of at least {lowest}, but got {value!r}.'
            )
