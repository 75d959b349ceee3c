"""Keep the last finished files of a stage while it is made again."""

import contextlib
import shutil
from collections.abc import Mapping
from typing import Any

from qaclims_mm.schemas.stage_folder import StageFolder, is_same
from qaclims_mm.schemas.work_dir import BEFORE, OUTPUTS


class Aside:
    """The place of a stage's last finished files.

    Args:
        folder: Folder of the stage.
    """

    def __init__(self, folder: StageFolder) -> None:
        self.folder = folder
        self.path = folder.path.parent / BEFORE / folder.path.name

    def put(self) -> None:
        """Take the folder away. Finished files are kept, unfinished ones are removed."""
        if not (self.folder.path / OUTPUTS).exists():
            shutil.rmtree(self.folder.path)
            return
        self.drop()
        with contextlib.suppress(FileNotFoundError):
            self._move_here()
            return
        # a job of another stage has just removed the empty place
        self._move_here()

    def _move_here(self) -> None:
        self.path.parent.mkdir(exist_ok=True)
        self.folder.path.rename(self.path)

    def take_back(self, wanted: Mapping[str, Any] | None = None) -> None:
        """Bring the kept files back in place of the folder.

        Args:
            wanted: Claim that they must have, as if a config was changed back; ``None`` brings them
                back if the folder has nothing, as after a run that failed at once.
        """
        if not self.path.is_dir():
            return
        if wanted is None and self.folder.has_results:
            return
        if wanted is not None and not self._is_better(wanted):
            return
        shutil.rmtree(self.folder.path, ignore_errors=True)
        self.path.rename(self.folder.path)
        self.drop()

    def _is_better(self, wanted: Mapping[str, Any]) -> bool:
        """Tell whether the kept files are the wanted ones, and the folder's are not.

        Where both are, the kept ones were damaged, and the folder's are being made.
        """
        kept, ours = StageFolder(self.path).read_claim(), self.folder.read_claim()
        return is_same(kept, wanted) and not is_same(ours, wanted)

    def drop(self) -> None:
        """Remove the kept files."""
        shutil.rmtree(self.path, ignore_errors=True)
        # other stages may have theirs beside them
        with contextlib.suppress(OSError):
            self.path.parent.rmdir()
