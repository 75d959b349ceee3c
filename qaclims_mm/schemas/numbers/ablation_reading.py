"""Read results of ablations from JSON, and refuse what is something else."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas.files import is_number, is_table, read_json
from qaclims_mm.schemas.numbers.ablation_results import SCHEMA, AblationResults, ResultRow


def read_results(path: str | Path) -> AblationResults:
    """Read the JSON file that ``AblationResults.write`` has written.

    Raises:
        FormatError: If it is something else or of another schema.
    """
    value = read_json(path)
    if not is_table(value, object) or value.get('schema') != SCHEMA:
        raise FormatError(
            f'{path} is no result of an ablation of schema {SCHEMA}; run qaclims ablate again.'
        )
    if problem := _problem_of(value):
        raise FormatError(f'{path} {problem}; run qaclims ablate again.')
    names = set(_FIELDS) - {'columns'}
    rows = [ResultRow(**{k: row[k] for k in _ROW_FIELDS}) for row in value['rows']]
    fields = {k: value[k] for k in names} | dict(columns=dict(value['columns']))
    return AblationResults(rows=rows, **fields)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _are_columns(value: object) -> bool:
    """Tell whether a value is a list of pairs of a metric and its title, at least one."""
    if not isinstance(value, list) or not value:
        return False
    return all(isinstance(v, list) and [*map(type, v)] == [str, str] for v in value)


def _are_values(value: object) -> bool:
    """Tell whether a value is {metric: {seed: number}}."""
    if not isinstance(value, dict) or not is_table(value, dict):
        return False
    return all(
        is_table(seeds, object) and all(map(is_number, seeds.values())) for seeds in value.values()
    )


# {name: tells whether a value may stand there}
_FIELDS: dict[str, Callable[[object], bool]] = dict(
    suite=_is_text,
    title=_is_text,
    config=_is_text,
    reference=lambda v: v is None or _is_text(v),
    columns=_are_columns,
    seeds=lambda v: isinstance(v, list) and all(type(s) is int for s in v),
    machines=lambda v: is_table(v, str),
    version=_is_text,
)
_ROW_FIELDS: dict[str, Callable[[object], bool]] = dict(
    name=_is_text,
    title=_is_text,
    folder=_is_text,
    paper=lambda v: v is None or is_number(v),
    values=_are_values,
    failed=lambda v: is_table(v, str),
)


def _problem_of(value: Mapping[str, Any]) -> str:
    """Return what the JSON of results lacks, or nothing."""
    rows = value.get('rows')
    if not isinstance(rows, list) or not all(is_table(row, object) for row in rows):
        return "lacks 'rows', a list of tables"
    for where, found, fields in (
        ('', value, _FIELDS),
        *((' of a row', r, _ROW_FIELDS) for r in rows),
    ):
        for name, fits in fields.items():
            if name not in found:
                return f'lacks {name!r}{where}'
            if not fits(found[name]):
                return f'has another {name!r}{where} than is written'
    return ''
