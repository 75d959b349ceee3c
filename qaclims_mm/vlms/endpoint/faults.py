"""Judge the errors of an endpoint: try again, skip the image, or end the run."""

import json
import re
from collections.abc import Iterator, Sequence
from enum import Enum, auto
from typing import Any, NamedTuple

from qaclims_mm.errors import ConfigError, QAClimsError, StageError
from qaclims_mm.schemas.names import shown_text
from qaclims_mm.vlms.endpoint.replies import error_text
from qaclims_mm.vlms.endpoint.settings import ServerSettings

LONGEST_WORDS = 200
SHOWN_MODELS = 12
RESUME = 'Run the same command again: it asks only what is missing.'
# options that a server may not know, and the words by which its error names each
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
# an input that does not fit; the message may name max_tokens as a part of the sum
_TOO_LONG = re.compile(
    r'context[_ -]?(?:length|size|window)|too (?:long|large|many)|longer than|exceed|'
    r'reduce the (?:length|number|size)|max_model_len|maximum (?:model )?length|must be <=|'
    r'maximum (?:allowed )?number of (?:\w+ )?tokens',
    re.IGNORECASE,
)
# an option that the server does not take, whatever its value
_UNKNOWN = re.compile(
    r'unsupported|not support|unknown|unrecogni[sz]ed|unexpected|not (?:permitted|allowed)|'
    r'invalid[_ ](?:param|argument|field|key)|no such|deprecated|instead',
    re.IGNORECASE,
)
# the part of the request that an error repeats: it holds all options
_REPEATED = ('input', 'body', 'request', 'ctx', 'url')
_REPEATED_TEXT = re.compile(r"""['"](?:input|body|request)['"]\s*:.*""", re.DOTALL)
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
        option = '' if _FILTER.search(body) else _unknown_option(body, sent)
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


def _unknown_option(body: str, sent: frozenset[str]) -> str:
    """Return the option that the server does not know; '' if the error is about something else."""
    try:
        said = ' '.join(_texts_of(json.loads(body)))
    except (ValueError, RecursionError):
        said = body
    said = _REPEATED_TEXT.sub('', said)
    if _TOO_LONG.search(said):
        return ''
    lower = said.lower()
    named = [n for n, words in OPTIONAL.items() if n in sent and any(w in lower for w in words)]
    # its value is a limit, which other errors name too
    if named == ['max_tokens'] and not _UNKNOWN.search(said):
        return ''
    return next(iter(named), '')


def _texts_of(data: Any) -> Iterator[str]:
    """Yield all texts in the JSON of an error, without the part of the request that it repeats."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        for key, value in data.items():
            if key not in _REPEATED:
                yield from _texts_of(value)
    elif isinstance(data, list):
        for value in data:
            yield from _texts_of(value)
