"""The drawn world that ships with the package."""

import shlex
from pathlib import Path
from typing import Any

from qaclims_mm.datasets.voc12 import VOC12WeakDataset, palette_of
from qaclims_mm.errors import FormatError
from qaclims_mm.miniworld import CLASSES
from qaclims_mm.registry import DATASETS


@DATASETS.register_module()
class MiniWorldDataset(VOC12WeakDataset):
    """MiniWorld, written to disk in VOC's layout and read by VOC's reader.

    Args:
        data_root: Folder made by ``qaclims make-miniworld``.
        **kwargs: As in ``VOC12WeakDataset``.

    Raises:
        FormatError: If the world has not been made.
    """

    METAINFO = dict(classes=('background', *CLASSES), palette=palette_of(len(CLASSES) + 1))

    def __init__(self, data_root: str = 'data/miniworld', **kwargs: Any) -> None:
        if not (Path(data_root) / 'world.json').is_file():
            raise FormatError(
                f'{data_root} holds no MiniWorld; run: '
                f'qaclims make-miniworld --root {shlex.quote(data_root)}'
            )
        super().__init__(data_root=data_root, **kwargs)
