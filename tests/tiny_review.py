"""A work dir with masks of a few images by several stages, as ``qaclims review`` reads it."""

import numpy as np

from qaclims_mm.schemas import file_of, write_cams, write_mask
from qaclims_mm.schemas.claims import write_claim
from qaclims_mm.schemas.stage_folder import Origin, StageFolder

CLASSES = ('dog', 'cat', 'car')
SIZE = (20, 30)


def square(value=1, rows=(5, 15), columns=(5, 15), size=SIZE):
    """Return a mask with one rectangle."""
    mask = np.zeros(size, np.uint8)
    mask[slice(*rows), slice(*columns)] = value
    return mask


def write_maps(root, image_id, mask, stage='qa_clims_maps'):
    """Write maps that mark a mask."""
    keys = np.array([v - 1 for v in np.unique(mask) if v], np.int64)
    maps = np.stack([(mask == k + 1) * 0.9 for k in keys]) if len(keys) else np.zeros((0, *SIZE))
    write_cams(file_of(root / stage / 'cams', image_id, '.npz'), keys, maps[:, ::4, ::4], maps)


def write_masks(root, stage, made, masks):
    """Write masks of a stage, {image_id: mask}."""
    for image_id, mask in masks.items():
        write_mask(file_of(root / stage / made, image_id, '.png'), mask)


def end_stage(root, stage, seed=0):
    """Write what says that a stage is done."""
    folder = StageFolder(root / stage)
    folder.path.mkdir(parents=True, exist_ok=True)
    write_claim(folder.path, Origin(stage, f'config of {seed}', seed=seed).claim({}))
    folder.write_manifest(folder.finish(0))
