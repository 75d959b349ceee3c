"""The recipe of the CAM network's backbone: MiniWorld's stand-in for pre-training on ImageNet.

Without it the classifier of a short training reads the scene, not the object, and its maps mark the
context alone; the paper's networks start from ImageNet, where objects stand anywhere.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn

from qaclims_mm.miniworld.clip_recipe import TRAINING_WORLD, check_steps
from qaclims_mm.miniworld.regions import draw_pictures
from qaclims_mm.miniworld.scene import Object
from qaclims_mm.miniworld.world import CLASS_FACTS, SCENES
from qaclims_mm.progress import track
from qaclims_mm.schemas import atomic_path

FILE = 'r18-mini.safetensors'
# Finer than the classes, as ImageNet's names are.
KINDS = tuple(k for facts in CLASS_FACTS.values() for k in facts.kinds)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def build_backbone() -> Any:
    """Return mmseg's ResNet-18 of half the width, three stages, stride 8, with random weights."""
    from mmseg.models import ResNet

    return ResNet(
        depth=18,
        base_channels=32,
        num_stages=3,
        strides=(1, 2, 1),
        dilations=(1, 1, 2),
        out_indices=(2,),
    )


def crop_object(rng: np.random.Generator, image: np.ndarray, thing: Object) -> Tensor:
    """Cut a square around an object, 1.1 to 1.9 times its size, as photographs of ImageNet are cut.

    Args:
        rng: Where chance comes from.
        image: RGB uint8, ``(S, S, 3)``.
        thing: The object.

    Returns:
        Normalised, float32 ``(3, S, S)``, mirrored half of the time.
    """
    side = len(image)
    left, top, right, bottom = (v * side for v in thing.box)
    size = rng.uniform(1.1, 1.9) * max(right - left, bottom - top)
    x, y = (left + right) / 2, (top + bottom) / 2
    shift = rng.uniform(-0.1, 0.1, 2) * size
    box = (x - size / 2 + shift[0], y - size / 2 + shift[1])
    cut = Image.fromarray(image).transform(
        (side, side),
        Image.Transform.AFFINE,
        (size / side, 0, box[0], 0, size / side, box[1]),
        Image.Resampling.BILINEAR,
        fillcolor=(124, 116, 104),
    )
    pixels = (np.asarray(cut, dtype=np.float32) / 255 - MEAN) / np.array(STD)
    pixels = pixels[:, ::-1] if rng.random() < 0.5 else pixels
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1), dtype=np.float32))


def train_backbone(
    folder: str | Path,
    seed: int = 0,
    steps: int = 800,
    batch_size: int = 24,
    pictures: int = 4000,
    lr: float = 2e-3,
) -> list[float]:
    """Train the backbone to name the kind of an object and write its weights, in float16.

    The objects are cut out of pictures in which they stand in any scene equally often; one label
    an image, no mask and no box reaches the loss.

    Args:
        folder: Where ``r18-mini.safetensors`` goes.
        seed: Of the world, the weights and the batches.
        steps: Training steps.
        batch_size: Pictures a step.
        pictures: Pictures in the training world.
        lr: Peak learning rate of AdamW.

    Returns:
        The loss of every step, in nats.

    Raises:
        ValueError: If there are too few steps to warm up.
    """
    check_steps(steps)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    backbone, head = build_backbone(), nn.Conv2d(128, len(KINDS), 1)
    world = draw_pictures(2 * TRAINING_WORLD + seed, pictures, context_rate=1 / len(SCENES))
    objects = [(picture.image, thing) for scene, picture in world for thing in scene.objects]
    parameters = [*backbone.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=lr, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps, pct_start=0.1)
    losses = []
    for _ in track(range(steps), 'training the backbone', steps):
        chosen = [objects[i] for i in rng.integers(len(objects), size=batch_size)]
        images = torch.stack([crop_object(rng, *entry) for entry in chosen])
        labels = torch.tensor([KINDS.index(thing.name) for _, thing in chosen])
        scores = head(backbone(images)[-1]).mean((-2, -1))
        loss = nn.functional.cross_entropy(scores, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    halved = {k: v.half() if v.is_floating_point() else v for k, v in backbone.state_dict().items()}
    with atomic_path(folder / FILE) as path:
        save_file(halved, path)
    return losses
