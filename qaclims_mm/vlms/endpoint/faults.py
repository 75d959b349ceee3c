"""Judge the errors of an endpoint: try again, skip the image, or end the run."""

import json
import re
from collections.abc import Sequence
from enum import Enum, auto
from typing import NamedTuple

from qaclims_mm.errors import ConfigError, QAClimsError, StageError
from qaclims_mm.schemas.names import shown_text
from qaclims_mm.vlms.endpoint.replies import error_text
from qaclims_mm.vlms.endpoint.settings import ServerSettings

LONGEST_WORDS = 200
SHOWN_MODELS = 12
RESUME = 'Run the same command again: it asks only what is missing.'
# options that a server may not know, and the words of its error about each
OPTIONAL = {
    'logprobs': ('logprob',),
    'response_format': ('response_format', 'json_schema', 'structured output', 'guided'),
    'temperature': ('temperature',),
    'max_tokens': ('max_tokens',),
}
_FILTER = re.compile(
    r'content[_ -]?(?:filter|policy|management)|safety|moderation|flagged|violat', re.IGNORECASE
)
_NO_QUOTA = re.compile(r'insufficient_quota|billing|credit|exceeded your current quota', re.I)
_VISION = re.compile(
    r'image|vision|multi-?modal|content.{0,40}(?:string|list|array)|expected.{0,20}string', re.I
)
_PASSING = (408, 409, 425, 429)


class Kind(Enum):
    """The action after an error."""

    AGAIN = auto()  # it may pass
    WITHOUT = auto()  # ask again without the option that the error names
    RECORD = auto()  # this image is refused
    END = auto()  # no request can work


class Fault(NamedTuple):
    """An error of an endpoint.

    Attributes:
        kind: Action after the error.
        text: Message of the server.
        status: HTTP status; ``None`` without a response.
        option: Name of the option that the server does not know.
    """

    kind: Kind
    text: str
    status: int | None = None
    option: str = ''

    @property
    def is_about_key(self) -> bool:
        """Whether the server refuses the key."""
        return self.status in (401, 403)


def judge(status: int, body: str, sent: frozenset[str] = frozenset()) -> Fault:
    """Judge a response with an error status.

    Args:
        status: HTTP status.
        body: Body of the response.
        sent: Names of the options in the request that a server may not know.

    Example:
        >>> judge(503, '').kind, judge(400, 'logprobs are not there', frozenset(['logprobs'])).kind
        (<Kind.AGAIN: 1>, <Kind.WITHOUT: 2>)
    """
    said = words_of(body)
    text = f'status {status}{f": {said}" if said else ""}'
    if status == 429 and _NO_QUOTA.search(body):
        return Fault(Kind.END, f'{text}; the account has no quota left', status)
    if status in _PASSING or status >= 500:
        return Fault(Kind.AGAIN, text, status)
    if status in (400, 413, 415, 422):
        named = (n for n, words in OPTIONAL.items() if n in sent and _names(body, words))
        option = '' if _FILTER.search(body) else next(named, '')
        return Fault(Kind.WITHOUT if option else Kind.RECORD, text, status, option)
    return Fault(Kind.END, text, status)


def refuses_images(text: str) -> bool:
    """Return whether an error message says that the model takes no images."""
    return bool(_VISION.search(text)) and not _FILTER.search(text)


def ending(
    fault: Fault, settings: ServerSettings, model: str, models: Sequence[str] = ()
) -> QAClimsError:
    """Return the error that ends a run, with advice for the user.

    Args:
        fault: Error of the endpoint.
        settings: Address and key of the server.
        model: Name of the model.
        models: Names that the server lists.
    """
    url, variable = settings.base_url, settings.api_key_env
    if fault.is_about_key:
        advice = (
            f'check the key in {variable}'
            if variable
            else 'set server.api_key_env to the name of the environment variable that holds it'
        )
        return ConfigError(f'{url} refuses the key ({fault.text}); {advice}.')
    if fault.status == 404:
        shown = ', '.join(shown_text(m) for m in sorted(models)[:SHOWN_MODELS])
        more = f' and {len(models) - SHOWN_MODELS} more' if len(models) > SHOWN_MODELS else ''
        has = f'it has {shown}{more}' if models else 'check server.base_url: most end in /v1'
        return ConfigError(f'{url} has no model {model!r} ({fault.text}); {has}.')
    if fault.status is None:
        return StageError(
            f'{url} does not answer ({fault.text}); start the server or correct server.base_url. '
            f'{RESUME}'
        )
    return StageError(f'{url} cannot answer ({fault.text}). {RESUME}')


def words_of(body: str) -> str:
    """Return the message in the body of an error, on one short line."""
    try:
        said = error_text(json.loads(body))
    except (ValueError, RecursionError):
        said = ''
    said = said or re.sub(r'<[^<>]*>', ' ', body)
    said = ' '.join(said.split())
    return said if len(said) <= LONGEST_WORDS else f'{said[: LONGEST_WORDS - 3]}...'


def _names(body: str, words: tuple[str, ...]) -> bool:
    lower = body.lower()
    return any(word in lower for word in words)
