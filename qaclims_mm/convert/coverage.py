"""How the weights of a file cover those of our model: all of them, or nothing is written."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from qaclims_mm.convert.renaming import Renamed
from qaclims_mm.engine.hooks.strict_load import coverage_report
from qaclims_mm.errors import FormatError
from qaclims_mm.registry import MODELS

_COUNTER = '.num_batches_tracked'


@dataclass(frozen=True)
class Coverage:
    """What a file gave.

    Attributes:
        wanted: How many weights our model has.
        used: How many of them the file gave, in the right shape.
        zeros: Batch counters that the file lacks and that nothing reads; they are 0.
        ignored: {pattern: how many of the file's weights it left out}.
        missing: Our names that the file lacks.
        unexpected: Names in the file that no rule knows.
        reshaped: Our names of weights that have another shape.
    """

    wanted: int
    used: int
    zeros: int
    ignored: Counter[str]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    reshaped: tuple[str, ...]


OnCoverage = Callable[[Coverage], object]


def states_of(model: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the weights that a model wants, without memory for them.

    Args:
        model: Config in ``MODELS``.
    """
    import qaclims_mm.plugin  # noqa: F401 - registers the model's parts

    with torch.device('meta'):
        return MODELS.build(dict(model)).state_dict()


def cover(
    source: str,
    wanted: Mapping[str, Tensor],
    renamed: Renamed,
    on_coverage: OnCoverage = lambda coverage: None,
    hints: Mapping[str, str] | None = None,
) -> dict[str, Tensor]:
    """Check that the weights are those that a model wants.

    Args:
        source: What an error calls the file.
        wanted: The model's state.
        renamed: The file's, under our names.
        on_coverage: Called with the coverage, also with a bad one.
        hints: {our name: what to say if it is missing}.

    Returns:
        The weights in the model's order, float32 and contiguous, with memory of their own.

    Raises:
        FormatError: If a weight is missing, unexpected or of another shape.
    """
    state = dict(renamed.state)
    # a normalisation that is there at all
    zeros = [
        name
        for name in wanted.keys() - state.keys()
        if name.endswith(_COUNTER) and f'{name.removesuffix(_COUNTER)}.running_mean' in state
    ]
    state |= {name: torch.zeros((), dtype=torch.int64) for name in zeros}
    found = state | renamed.unexpected
    missing = tuple(sorted(wanted.keys() - found.keys()))
    common = wanted.keys() & found.keys()
    reshaped = tuple(sorted(k for k in common if found[k].shape != wanted[k].shape))
    coverage = Coverage(
        wanted=len(wanted),
        used=len(common) - len(reshaped) - len(zeros),
        zeros=len(zeros),
        ignored=renamed.ignored,
        missing=missing,
        unexpected=tuple(sorted(found.keys() - wanted.keys())),
        reshaped=reshaped,
    )
    on_coverage(coverage)
    report = coverage_report(dict(wanted), found)
    if report:
        said = [f'  {hints[name]}' for name in missing if hints and name in hints]
        raise FormatError(
            '\n'.join([f'{source} does not fit: {report}', *said])
            + '\nNothing was written; is it the file that this kind converts?'
        )
    return {name: _plain(state[name]) for name in wanted}


def _plain(value: Tensor) -> Tensor:
    """Return a tensor as it is stored: no half precision, no memory of others."""
    kind = torch.float32 if value.is_floating_point() else value.dtype
    return value.detach().to(kind, copy=True, memory_format=torch.contiguous_format)
