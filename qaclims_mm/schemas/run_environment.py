"""What the workflow tells configs by environment variables, see ``configs/_base_/root.py``."""

import contextlib
import os
from collections.abc import Iterator

# the folder in which the stages of a run find each other, and the stage whose masks segmentors are
# trained on
ROOT, MASKS = 'QACLIMS_ROOT', 'QACLIMS_MASKS'


def set_environment(root: str, masks: str = '') -> None:
    """Tell the configs that this process and its children read.

    Args:
        root: Folder in which the stages of a run find each other.
        masks: Stage whose masks segmentors are trained on; '' is the configs' own.
    """
    os.environ.pop(MASKS, None)
    os.environ.update({ROOT: root} | ({MASKS: masks} if masks else {}))


@contextlib.contextmanager
def environment(root: str, masks: str = '') -> Iterator[None]:
    """Tell configs for a while, see ``set_environment``."""
    before = {name: os.environ.get(name) for name in (ROOT, MASKS)}
    set_environment(root, masks)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            os.environ.update({} if value is None else {name: value})
