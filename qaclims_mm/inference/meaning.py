"""Networks whose masks mean nothing on photographs: MiniWorld's, and some with random weights."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
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
OF_RANDOM_CLIP = (
    "A CLIP of this run has random weights, because its config names no 'pretrained'. Masks that "
    'it guided mean nothing. Name its weights and train again.'
)
# models of open_clip that bring their weights
_WITH_WEIGHTS = (SHIPPED, 'local-dir:', 'hf-hub:')
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


def warning_of(preset: str, configs: Iterable[Any]) -> str:
    """Return why the masks of networks mean nothing on photographs, or ''.

    Args:
        preset: Preset of their project, or ''.
        configs: Values of their configs.
    """
    if preset == 'rehearsal':
        return OF_REHEARSAL
    parts = list(_parts_of(list(configs)))
    if any(map(names_random_clip, parts)):
        return OF_RANDOM_CLIP
    return OF_MINIWORLD if any(map(names_shipped, parts)) else ''


def names_random_clip(node: Any) -> bool:
    """Tell whether a part of a config is a CLIP of open_clip with random weights."""
    return (
        isinstance(node, Mapping)
        and str(node.get('type')).split('.')[-1] in ('CLIPImageHead', 'CLIPTextHead')
        and not node.get('pretrained')
        and not str(node.get('model')).startswith(_WITH_WEIGHTS)
    )


def names_shipped(node: Any) -> bool:
    """Tell whether a part of a config is the name of weights of MiniWorld."""
    return isinstance(node, str) and node.startswith(SHIPPED)


def _parts_of(node: Any) -> Iterator[Any]:
    """Yield a config and everything in it."""
    yield node
    if isinstance(node, (Mapping, list, tuple)):
        for part in node.values() if isinstance(node, Mapping) else node:
            yield from _parts_of(part)
