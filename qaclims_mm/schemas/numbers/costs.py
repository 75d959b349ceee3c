"""What the stages of a plan cost: ``<plan>.costs.json``, from a run or from an estimate."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas.files import is_number, is_table, problem_of_file, read_json, write_json


class Cost(NamedTuple):
    """What a stage takes and writes; ``None`` is not known."""

    minutes: float | None
    megabytes: float | None


class Costs(NamedTuple):
    """The costs of stages, and where they are from."""

    source: str
    stages: dict[str, Cost]


def write_costs(path: str | Path, source: str, stages: Mapping[str, Cost]) -> None:
    """Write the costs of stages.

    Args:
        path: The file.
        source: Machine and date of a run, or what an estimate is made of, in words.
        stages: {stage: cost}.
    """
    write_json(path, dict(source=source, stages={k: v._asdict() for k, v in stages.items()}))


def read_costs(path: str | Path) -> Costs:
    """Read what ``write_costs`` wrote.

    Raises:
        FormatError: If the file is missing or holds something else.
    """
    if problem := problem_of_file(path):
        raise FormatError(f'{path} {problem}; take the costs entry out of its plan.')
    value = read_json(path)
    good = is_table(value, object) and set(value) == set(Costs._fields)
    good = good and isinstance(value['source'], str) and is_table(value['stages'], dict)
    good = good and all(
        set(cost) == set(Cost._fields) and all(c is None or is_number(c) for c in cost.values())
        for cost in value['stages'].values()
    )
    if not good:
        raise FormatError(
            f'{path} is not {{source, stages: {{stage: {{minutes, megabytes}}}}}}; delete it and '
            'the costs entry of its plan, which loses estimates alone.'
        )
    return Costs(value['source'], {name: Cost(**c) for name, c in value['stages'].items()})
