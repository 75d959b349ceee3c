"""Networks whose masks mean nothing on photographs: MiniWorld's, and those of a rehearsal."""

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from qaclims_mm.errors import FormatError
from qaclims_mm.paths import SHIPPED
from qaclims_mm.schemas.project_options import read_init

OF_MINIWORLD = (
    'These networks were made for MiniWorld, a world of drawn pictures. '
    'Their masks mean nothing on photographs.'
)
OF_REHEARSAL = (
    'These networks are those of a rehearsal, with random weights and two training steps. '
    'Their masks mean nothing on photographs.'
)
# a work dir is a folder of its project, a stage one of its work dir
_DEPTH = 4


def preset_of(folder: Path) -> str:
    """Return the preset of the project that a folder belongs to, or '' if it belongs to none."""
    for place in [folder, *folder.resolve().parents][:_DEPTH]:
        # a table of options that cannot be read is the matter of qaclims init
        with contextlib.suppress(FormatError):
            if init := read_init(place):
                return init[0].preset
    return ''


def warning_of(folder: Path, configs: Iterable[Any]) -> str:
    """Return why the masks of networks mean nothing on photographs, or ''.

    Args:
        folder: Project, work dir or stage of the networks.
        configs: Values of their configs.
    """
    if preset_of(folder) == 'rehearsal':
        return OF_REHEARSAL
    return OF_MINIWORLD if any(map(names_shipped, configs)) else ''


def names_shipped(node: Any) -> bool:
    """Tell whether a config names weights of MiniWorld."""
    if isinstance(node, Mapping):
        return any(map(names_shipped, node.values()))
    if isinstance(node, (list, tuple)):
        return any(map(names_shipped, node))
    return isinstance(node, str) and node.startswith(SHIPPED)
