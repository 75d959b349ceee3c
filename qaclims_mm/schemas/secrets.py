"""Find keys and passwords in configs, which are copied into logs, manifests and work dirs.

No function of this module prints or returns a secret that it finds.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from qaclims_mm.errors import ConfigError

# names of options that hold nothing but secrets
_SECRET_NAMES = {
    *('api_key', 'apikey', 'api_token', 'auth_token', 'access_token', 'hf_token', 'secret'),
    *('api_secret', 'client_secret', 'password', 'passwd', 'authorization', 'x_api_key'),
}
# prefixes by which providers mark their keys, and a run of letters and digits that no word has
_KEY = re.compile(
    r'\b(?:sk|pk|rk|gsk|xai|hf|ghp|gho|glpat|nvapi|r8|pplx|fw)[-_][\w-]{0,40}?[A-Za-z0-9]{16,}'
    r'|\b(?:AKIA|AIza)[\w-]{16,}|\bBearer\s+\S{8,}|\beyJ[\w-]{8,}\.[\w-]{8,}\.'
)
_USER = re.compile(r'^\w+://[^/?#\s]*@')
_VARIABLE = re.compile(r'[A-Za-z_][A-Za-z0-9_]{0,99}')
# keys of some providers are such a run alone, which may look like the name of a variable
_RUN = re.compile(r'(?=.*\d)[A-Za-z0-9]{20,}')
_QUERY = re.compile(r'[?&](?:api[-_]?)?(?:key|token|secret)=[^&\s]', re.IGNORECASE)


def looks_like_key(text: str) -> bool:
    """Return whether a text seems to hold a key, or an address with a password.

    Example:
        >>> looks_like_key('http://localhost:8000/v1'), looks_like_key('http://me:pw@host/v1')
        (False, True)
    """
    return any(pattern.search(text) for pattern in (_KEY, _USER, _QUERY))


def is_variable(value: Any) -> bool:
    """Tell whether a value can be the name of an environment variable, and is no key.

    Example:
        >>> is_variable('OPENAI_API_KEY'), is_variable('4f1c-77'), is_variable('a1' * 16)
        (True, False, False)
    """
    if not isinstance(value, str) or looks_like_key(value) or _RUN.fullmatch(value):
        return False
    return bool(_VARIABLE.fullmatch(value))


def check_no_secrets(config: Mapping[str, Any], where: str) -> None:
    """Refuse a config that holds a key or a password.

    Args:
        config: Nested values.
        where: Beginning of the message, such as the name of the file.

    Raises:
        ConfigError: If it holds one. The message names the option, never its value.
    """
    for place, value in _places(config, ''):
        is_address = isinstance(value, str) and _is_address_with_secret(value)
        what = 'an address with a password or a key' if is_address else 'a key or a password'
        raise ConfigError(
            f'{where}: {place} looks like {what}, but configs are copied into logs and work dirs. '
            + _advice(place, is_address)
        )


def _advice(place: str, is_address: bool) -> str:
    """Return what to do about the secret of an option."""
    variable = 'Put it into an environment variable, and set api_key_env to the name of it.'
    if not is_address:
        return variable
    if not place.endswith('base_url'):
        return 'Give the address without it, or download the file and give its path.'
    return (
        'Give the address without it, as http://localhost:8000/v1. Does the server ask for it as a '
        f'key? {variable}'
    )


def _is_address_with_secret(text: str) -> bool:
    """Return whether a text is an address with a user, a password or a key."""
    return '://' in text and any(pattern.search(text) for pattern in (_USER, _QUERY))


def _places(node: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Yield the dotted names of the options that hold a secret, with the secret."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            # a key of the config may be a secret itself
            hidden = looks_like_key(str(key))
            name = '(a name)' if hidden else str(key)
            inner = f'{place}.{name}' if place else name
            if hidden or _is_secret(str(key), value):
                yield inner, None if hidden else value
            else:
                yield from _places(value, inner)
    elif isinstance(node, (list, tuple)):
        for number, value in enumerate(node):
            yield from _places(value, f'{place}[{number}]')
    elif isinstance(node, str) and looks_like_key(node):
        yield place, node


def _is_secret(key: str, value: Any) -> bool:
    """Tell whether an option of this name holds a secret."""
    if not isinstance(value, str) or not value:
        return False
    # the options of a command line have dotted names
    key = key.rpartition('.')[2]
    if key == 'api_key_env':
        # the key itself may stand there by mistake
        return not is_variable(value)
    return key.lower().replace('-', '_') in _SECRET_NAMES
