"""Puts texts into the prompt that CLIP encodes.

The wording is ``text_encoding.prompt`` of a RITC config, see ``configs/_base_/models/ritc_*.py``.
"""

from collections.abc import Iterable

from qaclims_mm.errors import ConfigError


def fill_prompt(prompt: str, texts: Iterable[str]) -> list[str]:
    """Return each text in a prompt; braces of a text are data.

    Args:
        prompt: With ``{answer}`` where a text goes.
        texts: Answers or class names.

    Raises:
        ConfigError: If ``prompt`` has no ``{answer}``.

    Source:
        Section 3.3 of the paper: "a photo of {answer}".

    Example:
        >>> fill_prompt('a photo of {answer}', ['cat', '{text}'])
        ['a photo of cat', 'a photo of {text}']
    """
    if '{answer}' not in prompt:
        raise ConfigError(
            f'prompt must hold {{answer}}, but got {prompt!r}; the paper has '
            "'a photo of {answer}'."
        )
    return [prompt.replace('{answer}', text) for text in texts]
