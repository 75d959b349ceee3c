"""IoU of maps at every threshold: ``curve.json`` of a stage."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas.files import is_number, is_table, read_json, write_json


@dataclass(frozen=True)
class Curve:
    """Values in percent at T thresholds; NaN where a class is neither predicted nor true.

    Attributes:
        thresholds: ``(T,)`` in [0, 1], ascending.
        miou: Mean over the classes, ``(T,)``.
        classes: {class name: IoU ``(T,)``}.
        errors: {``false_activation`` or ``under_activation``: ``(T,)``}.
    """

    thresholds: np.ndarray
    miou: np.ndarray
    classes: Mapping[str, np.ndarray]
    errors: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def best(self) -> int:
        """Index of the threshold with the highest mIoU; 0 if there is none."""
        return 0 if np.isnan(self.miou).all() else int(np.nanargmax(self.miou))


ERRORS = ('false_activation', 'under_activation')


def write_curve(path: str | Path, curve: Curve) -> None:
    """Write a curve, rounded to four decimals; NaN becomes ``null``."""

    def numbers(values: np.ndarray) -> list[float | None]:
        return [None if np.isnan(v) else round(float(v), 4) for v in values]

    write_json(
        path,
        dict(
            thresholds=numbers(curve.thresholds),
            mIoU=numbers(curve.miou),
            classes={name: numbers(row) for name, row in curve.classes.items()},
            **{name: numbers(row) for name, row in curve.errors.items()},
        ),
    )


def read_curve(path: str | Path) -> Curve:
    """Read a curve.

    Raises:
        FormatError: If the file is none, or one of its lists has another length.
    """
    value = read_json(path)
    again = 'run the test of its stage again.'
    if problem := _problem_of(value):
        raise FormatError(f'{path} is no curve of CAMMetric ({problem}); {again}')

    def numbers(values: list[float | None]) -> np.ndarray:
        return np.array(values, dtype=float)

    curve = Curve(
        numbers(value['thresholds']),
        numbers(value['mIoU']),
        {name: numbers(row) for name, row in value['classes'].items()},
        {name: numbers(value[name]) for name in ERRORS if name in value},
    )
    rows = (curve.miou, *curve.classes.values(), *curve.errors.values())
    if not curve.thresholds.size or any(len(r) != len(curve.thresholds) for r in rows):
        raise FormatError(f'{path} has curves of several lengths, or empty ones; {again}')
    # rounding may make two of them equal
    if not (np.diff(curve.thresholds) >= 0).all():
        raise FormatError(f'{path} has thresholds that do not ascend; {again}')
    return curve


def _problem_of(value: Any) -> str:
    """Return what the JSON of a curve lacks, or nothing."""
    if not is_table(value, object):
        return 'it is no table'
    lacking = [name for name in ('thresholds', 'mIoU', 'classes') if name not in value]
    if lacking:
        return f'it lacks {", ".join(lacking)}'
    lists = {name: value[name] for name in ('thresholds', 'mIoU', *ERRORS) if name in value}
    if not is_table(value['classes'], list):
        return 'classes is no table of lists'
    lists |= value['classes']
    wrong = [name for name, row in lists.items() if not _are_numbers(row)]
    if wrong:
        return f'{wrong[0]} is no list of numbers'
    return 'a threshold is null' if None in value['thresholds'] else ''


def _are_numbers(row: object) -> bool:
    """Tell whether a value is a list of numbers and ``None``."""
    return isinstance(row, list) and all(v is None or is_number(v) for v in row)
