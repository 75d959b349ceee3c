"""Renames released weights by a table of rules, which stands beside the converter of each network.

``networks``, ``segmentors``, ``blip`` and ``mask_clip`` have the tables.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas import join_problems


class Rule(NamedTuple):
    r"""What becomes of the weights whose whole name matches a pattern.

    Attributes:
        pattern: Regular expression.
        place: Our name, with ``\1`` for the pattern's groups, or a function of the match; ``None``
            leaves the weight out.
    """

    pattern: str
    place: str | Callable[[re.Match[str]], str] | None


@dataclass
class Renamed:
    """Weights under our names.

    Attributes:
        state: {our name: weight}.
        ignored: {pattern: how many weights it left out}.
        unexpected: Weights for which there is no rule, under their released names.
    """

    state: dict[str, Tensor] = field(default_factory=dict)
    ignored: Counter[str] = field(default_factory=Counter)
    unexpected: dict[str, Tensor] = field(default_factory=dict)


def rename(state: Mapping[str, Tensor], rules: Sequence[Rule], source: str) -> Renamed:
    """Rename weights; the first rule that matches a name counts.

    Args:
        state: {released name: weight}; one weight may stand there under several names.
        rules: Of one released network.
        source: What an error calls the file.

    Raises:
        FormatError: If the names of one weight have different values.
    """
    renamed, names, problems = Renamed(), dict[str, str](), []
    compiled = [(re.compile(rule.pattern), rule) for rule in rules]
    for name, value in state.items():
        found = next(((m, r) for p, r in compiled if (m := p.fullmatch(name))), None)
        if found is None:
            renamed.unexpected[name] = value
            continue
        match, rule = found
        if rule.place is None:
            renamed.ignored[rule.pattern] += 1
            continue
        ours = match.expand(rule.place) if isinstance(rule.place, str) else rule.place(match)
        first = names.setdefault(ours, name)
        known = renamed.state.setdefault(ours, value)
        if not torch.equal(known, value):
            problems.append(f'{first} and {name}')
    if problems:
        raise FormatError(
            join_problems(
                problems, 'weight', f'have two names in {source}, with values that differ'
            )
            + '\nIs it the file that this kind converts? If so, fetch it again.'
        )
    return renamed


def size_of(state: Mapping[str, Tensor], name: str, axis: int, default: int) -> int:
    """Return a side of a weight; ``default`` if it is not there, which the coverage then says."""
    value = state.get(name)
    return default if value is None or value.ndim <= axis else value.shape[axis]


def count_of(state: Mapping[str, Tensor], pattern: str) -> int:
    """Return how many different numbers the pattern's group takes in the names."""
    found = (re.match(pattern, name) for name in state)
    return len({match[1] for match in found if match})
