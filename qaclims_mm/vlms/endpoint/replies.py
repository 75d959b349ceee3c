"""Read the JSON of a chat completion without trusting its structure."""

import json
import math
from typing import Any, NamedTuple

from qaclims_mm.errors import FormatError


class Reply(NamedTuple):
    """A reply of a model.

    Attributes:
        text: Text of the reply; empty if the model refused.
        score: Mean log-probability of the tokens in nats; 0 if the server does not report it.
        refused: Whether the model or a filter of the server refused to answer.
        cut: Whether the reply was cut at its highest number of tokens.
        input_tokens: Tokens of the prompt; ``None`` if the server does not count them.
        output_tokens: Tokens of the reply with its thoughts; ``None`` if the server does not count
            them.
    """

    text: str
    score: float = 0.0
    refused: bool = False
    cut: bool = False
    input_tokens: int | None = None
    output_tokens: int | None = None


def read_reply(body: str) -> Reply:
    """Read the body of a response.

    Raises:
        FormatError: If it is not a chat completion.
    """
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise FormatError('the server sent no JSON, or broke off within it') from error
    choices = _table(data).get('choices')
    choice = _table(choices[0] if isinstance(choices, list) and choices else None)
    message = choice.get('message')
    if not isinstance(message, dict):
        said = error_text(data)
        raise FormatError(f'the server sent JSON without a message{f": {said}" if said else ""}')
    finish = choice.get('finish_reason')
    usage = _table(_table(data).get('usage'))
    refused = finish == 'content_filter' or bool(message.get('refusal'))
    return Reply(
        '' if refused else _text_of(message.get('content')),
        _score_of(choice.get('logprobs')),
        refused,
        finish == 'length',
        _count(usage.get('prompt_tokens')),
        _count(usage.get('completion_tokens')),
    )


def error_text(data: Any) -> str:
    """Return the message in the JSON of an error; '' if it has none."""
    for _ in range(4):
        if isinstance(data, dict):
            keys = ('error', 'message', 'detail', 'msg')
            data = next((data[k] for k in keys if data.get(k)), '')
        elif isinstance(data, list) and data:
            data = data[0]
    return data if isinstance(data, str) else ''


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text_of(content: Any) -> str:
    """Return the text of a message, which some servers send in parts."""
    if isinstance(content, list):
        content = ''.join(str(_table(part).get('text') or '') for part in content)
    return content if isinstance(content, str) else ''


def _score_of(logprobs: Any) -> float:
    tokens = _table(logprobs).get('content')
    values = [
        float(value)
        for token in (tokens if isinstance(tokens, list) else [])
        if isinstance(value := _table(token).get('logprob'), (int, float)) and math.isfinite(value)
    ]
    # rounding may lift what is certain above 0
    return min(sum(values) / len(values), 0.0) if values else 0.0


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
