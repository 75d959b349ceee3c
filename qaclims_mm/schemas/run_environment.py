"""Environment variables that configs read, see ``configs/_base_/root.py``."""

import contextlib
import os
from collections.abc import Iterator

# folder that holds the stages of a run, the stage whose masks segmentors are trained on, and the
# table of labels that VOC's data sets read in place of XML files
ROOT, MASKS, LABELS = 'QACLIMS_ROOT', 'QACLIMS_MASKS', 'QACLIMS_LABELS'
# top-level names of configs that hold the first two; what is made of them counts
FROM_ENVIRONMENT = frozenset(['root', 'masks_by'])


def set_environment(root: str, masks: str = '', labels: str = '') -> None:
    """Set the variables for the configs that this process and its children read.

    Args:
        root: Folder that holds the stages of a run.
        masks: Stage whose masks segmentors are trained on; '' leaves the choice to the configs.
        labels: Table of labels, relative to the ``data_root`` of VOC; '' is its XML files.
    """
    _replace({ROOT: root, MASKS: masks or None, LABELS: labels or None})


@contextlib.contextmanager
def environment(root: str, masks: str = '', labels: str = '') -> Iterator[None]:
    """Set the variables inside a ``with`` block, see ``set_environment``."""
    before = {name: os.environ.get(name) for name in (ROOT, MASKS, LABELS)}
    set_environment(root, masks, labels)
    try:
        yield
    finally:
        _replace(before)


@contextlib.contextmanager
def labels_environment(labels: str) -> Iterator[None]:
    """Set the table of labels alone inside a ``with`` block; '' leaves all as it is."""
    before = {LABELS: os.environ.get(LABELS)}
    _replace({LABELS: labels} if labels else {})
    try:
        yield
    finally:
        _replace(before)


def _replace(values: dict[str, str | None]) -> None:
    for name, value in values.items():
        os.environ.pop(name, None)
        os.environ.update({} if value is None else {name: value})
