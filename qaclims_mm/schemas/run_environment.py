"""Environment variables that configs read, see ``configs/_base_/root.py``."""

import contextlib
import os
from collections.abc import Iterator

# folder that holds the stages of a run, and the stage whose masks segmentors are trained on
ROOT, MASKS = 'QACLIMS_ROOT', 'QACLIMS_MASKS'
# top-level names of configs that hold the two; what is made of them counts
FROM_ENVIRONMENT = frozenset(['root', 'masks_by'])


def set_environment(root: str, masks: str = '') -> None:
    """Set the variables for the configs that this process and its children read.

    Args:
        root: Folder that holds the stages of a run.
        masks: Stage whose masks segmentors are trained on; '' leaves the choice to the configs.
    """
    os.environ.pop(MASKS, None)
    os.environ.update({ROOT: root} | ({MASKS: masks} if masks else {}))


@contextlib.contextmanager
def environment(root: str, masks: str = '') -> Iterator[None]:
    """Set the variables inside a ``with`` block, see ``set_environment``."""
    before = {name: os.environ.get(name) for name in (ROOT, MASKS)}
    set_environment(root, masks)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            os.environ.update({} if value is None else {name: value})
