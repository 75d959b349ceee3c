"""Measure how well the tiny CLIPSeg segments the objects that texts name, on unseen pictures."""

from pathlib import Path

import numpy as np

from qaclims_mm.miniworld.clipseg_model import IMAGE_SIZE
from qaclims_mm.miniworld.clipseg_recipe import named_masks
from qaclims_mm.miniworld.regions import draw_pictures
from qaclims_mm.miniworld.world import CLASSES
from qaclims_mm.schemas import IGNORE_INDEX
from qaclims_mm.vlms.segment.clipseg import CLIPSegSegmenter


def prompt_ious(folder: str | Path, pictures: int = 100, seed: int = 0) -> dict[str, float]:
    """Measure the IoU of prompts for objects in pictures, and the response to absent classes.

    Args:
        folder: Folder of the CLIPSeg.
        pictures: Number of pictures.
        seed: Seed of the world.

    Returns:
        Mean IoUs over names, in percent.
        ``classes`` and ``kinds`` are those of objects by these names, ``things`` those of their
        surroundings. ``absent`` is the percentage of absent classes with no pixel of at least 0.5.
    """
    segmenter = CLIPSegSegmenter(str(folder), image_size=IMAGE_SIZE)
    segmenter.load('cpu')
    found: dict[str, list[float]] = {k: [] for k in ('classes', 'kinds', 'things', 'absent')}
    for scene, picture in draw_pictures(seed, pictures):
        masks, known = named_masks(scene, picture), picture.mask != IGNORE_INDEX
        names = dict(
            classes=[t.class_name for t in scene.objects],
            kinds=[t.name for t in scene.objects],
            things=[*picture.things],
        )
        absent = [c for c in CLASSES if c not in names['classes']]
        for group, texts in names.items():
            seen = segmenter.segment(picture.image, texts).masks.numpy() > 0.5
            for text, mask in zip(texts, seen, strict=True):
                union = ((mask | masks[text]) & known).sum()
                found[group].append((mask & masks[text] & known).sum() / max(union, 1))
        found['absent'] += (segmenter.segment(picture.image, absent).scores < 0.5).tolist()
    return {group: 100 * float(np.mean(values)) for group, values in found.items()}
