"""How well a CLIP knows MiniWorld: the upper bound of what it can teach."""

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional as F

from qaclims_mm.functional.cam import resize
from qaclims_mm.miniworld.regions import draw_pictures, object_mask
from qaclims_mm.miniworld.world import CLASS_FACTS, CLASSES, SCENE_FACTS, SCENES, label_with
from qaclims_mm.vlms.clip.open_clip import CLIPImageHead, CLIPTextHead


@torch.no_grad()
def recognition_rates(
    model: str = 'miniworld://clip',
    mask_prompt: str | None = 'miniworld://clip/mask_prompt.safetensors',
    pictures: int = 200,
    seed: int = 0,
) -> dict[str, float]:
    """Return the share, in percent, of ground-truth regions that CLIP names right.

    ``class``: an object's region among the class names; ``kind``: among all kinds; ``scene``: the
    rest of the picture among the scenes; ``purity``: object regions that match their class better
    than any scene, and whose rests match their scene better than the class; ``absence``: rests
    that match "no {class}" better than the class, 50 by chance.
    """
    image_head, text_head = (
        CLIPImageHead(model, mask_prompt=mask_prompt).load(),
        CLIPTextHead(model).load(),
    )
    kinds = [label_with(k, c) for c in CLASSES for k in CLASS_FACTS[c].kinds]
    banks = {
        'class': text_head.encode([f'a photo of {c}' for c in CLASSES]),
        'kind': text_head.encode([f'a photo of {k}' for k in kinds]),
        'scene': text_head.encode([f'a photo of {SCENE_FACTS[s].names[0]}' for s in SCENES]),
    }
    absent = text_head.encode([f'a photo of no {c}' for c in CLASSES])
    hits: dict[str, list[bool]] = {k: [] for k in (*banks, 'purity', 'absence')}
    for scene, picture in draw_pictures(seed, pictures):
        for thing in scene.objects:
            own = object_mask(picture, thing.class_name)
            fg, rest = _encode(image_head, picture.image, (own, 1 - own))
            best = {k: int((bank @ fg).argmax()) for k, bank in banks.items()}
            hits['class'].append(CLASSES[best['class']] == thing.class_name)
            hits['kind'].append(kinds[best['kind']] == label_with(thing.name, thing.class_name))
            scene_row = SCENES.index(scene.name)
            hits['scene'].append(int((banks['scene'] @ rest).argmax()) == scene_row)
            row = CLASSES.index(thing.class_name)
            label = banks['class'][row]
            hits['absence'].append(bool(absent[row] @ rest > label @ rest))
            hits['purity'].append(
                bool(label @ fg > (banks['scene'] @ fg).max())
                and bool(banks['scene'][scene_row] @ rest > label @ rest)
            )
    return {k: 100 * float(np.mean(v)) for k, v in hits.items()}


def _encode(head: CLIPImageHead, image: np.ndarray, masks: Sequence[np.ndarray]) -> torch.Tensor:
    side = head.input_size
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    images = resize(head.normalise(pixels), side, align_corners=True)
    mask = resize(torch.from_numpy(np.stack(masks))[:, None], side, align_corners=True)
    hard = (mask > 0.5).float()
    return F.normalize(head(images * hard, hard if head.mask_prompt else None), dim=-1)
