"""The masks that the stages of a work dir have made, those of each stage as one source."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from qaclims_mm.errors import FormatError
from qaclims_mm.functional.cam import mask_of_cams
from qaclims_mm.schemas import Cams, file_of, read_cams, read_mask
from qaclims_mm.schemas.mask_choice import read_choice
from qaclims_mm.schemas.numbers.curve import read_curve
from qaclims_mm.schemas.work_dir import CAMS, CURVE, PREDICTIONS, PSEUDO_MASKS

# the test of the segmentor that is trained on pseudo masks
SEGMENTED = 'segment_test'
# of maps whose best threshold is not known; IRN's
THRESHOLD = 0.25
# {folder: name in sentences, and the stages that are looked at first}; the newest masks last
_KINDS: dict[str, tuple[str, Sequence[str]]] = {
    CAMS: ('the map', ('qa_clims_export', 'qa_clims_maps')),
    PSEUDO_MASKS: ('IRN', ('irn_export', 'irn_masks')),
    PREDICTIONS: ('the segmentor', (SEGMENTED,)),
}


@dataclass(frozen=True)
class MaskSource:
    """Masks of one stage.

    Attributes:
        name: Name in a sentence.
        stage: Name of the stage.
        folder: Folder with one file per image.
        threshold: Value of the background in activation maps; ``None`` if the files are masks.
    """

    name: str
    stage: str
    folder: Path
    threshold: float | None = None

    def path_of(self, image_id: str) -> Path:
        """Return the file of an image, which may be absent."""
        return file_of(self.folder, image_id, '.png' if self.threshold is None else '.npz')

    def read(self, image_id: str) -> np.ndarray | None:
        """Return the mask of an image, ``(H, W)``, or ``None`` if the stage has made none.

        Raises:
            FormatError: If the file is broken.
        """
        path = self.path_of(image_id)
        if not path.is_file():
            return None
        return (
            read_mask(path) if self.threshold is None else mask_at(read_cams(path), self.threshold)
        )


def mask_at(maps: Cams, threshold: float) -> np.ndarray:
    """Return the mask of maps at a threshold, ``(H, W)``: k + 1, or 0 where none is above."""
    high_res, class_indices = torch.from_numpy(maps.high_res), torch.from_numpy(maps.class_indices)
    return mask_of_cams(high_res, class_indices, threshold).numpy()


def find_sources(root: Path) -> list[MaskSource]:
    """Return the masks of a work dir: of the maps, of the refiner and of the segmentor.

    Args:
        root: Work dir. What its stages have not made yet is left out.

    Raises:
        FormatError: If its choice of masks is broken.
    """
    found, choice = [], read_choice(root)
    for made, (name, stages) in _KINDS.items():
        others = sorted(p.parent.name for p in root.glob(f'*/{made}') if p.is_dir())
        # several stages may have made masks, and the segmentor is trained on those of one
        chosen = [choice.stage] if choice and made == PSEUDO_MASKS else []
        stage = next((s for s in (*chosen, *stages, *others) if s in others), None)
        if stage is not None:
            # a refiner that is not IRN, such as PAR
            known = name if stage in stages else stage
            threshold = _threshold_of(root, stage) if made == CAMS else None
            found.append(MaskSource(known, stage, root / stage / made, threshold))
    return found


def mask_folders(root: Path) -> list[MaskSource]:
    """Return the masks of all stages of a work dir, each a source that is named by its stage."""
    return [
        MaskSource(p.parent.name, p.parent.name, p, THRESHOLD if made == CAMS else None)
        for made in _KINDS
        for p in sorted(root.glob(f'*/{made}'))
        if p.is_dir()
    ]


def _threshold_of(root: Path, stage: str) -> float:
    """Return the threshold of the highest mIoU, where it was measured."""
    for folder in (stage, 'qa_clims_maps'):
        try:
            curve = read_curve(root / folder / CURVE)
        except (FormatError, OSError):
            continue
        if not np.isnan(curve.miou).all():
            return float(curve.thresholds[curve.best])
    return THRESHOLD
