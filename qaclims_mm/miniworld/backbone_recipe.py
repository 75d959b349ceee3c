"""The recipe of the CAM network's backbone: MiniWorld's stand-in for pre-training on ImageNet.

Without it the classifier of a short training reads the scene, not the object, and its maps mark the
context alone; the paper's networks start from ImageNet, where objects stand anywhere.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from qaclims_mm.miniworld.clip_recipe import TRAINING_WORLD, check_steps
from qaclims_mm.miniworld.regions import draw_pictures
from qaclims_mm.miniworld.scene import Scene
from qaclims_mm.miniworld.world import CLASS_FACTS, SCENES, THINGS
from qaclims_mm.progress import track
from qaclims_mm.schemas import atomic_path

FILE = 'r18-mini.safetensors'
# Kinds of objects and things: finer than the classes, as ImageNet's names are.
NAMES = (*(k for facts in CLASS_FACTS.values() for k in facts.kinds), *THINGS)
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


def names_in(scene: Scene) -> Tensor:
    """Return which of ``NAMES`` a picture has, 0/1, ``(names,)``."""
    present = {item.name for item in (*scene.objects, *scene.things)}
    return torch.tensor([float(name in present) for name in NAMES])


def train_backbone(
    folder: str | Path,
    seed: int = 0,
    steps: int = 800,
    batch_size: int = 24,
    pictures: int = 4000,
    lr: float = 2e-3,
) -> list[float]:
    """Train the backbone to name what is in a picture and write its weights, in float16.

    In these pictures an object stands in any scene equally often.

    Args:
        folder: Where ``r18-mini.safetensors`` goes.
        seed: Of the world, the weights and the batches.
        steps: Training steps.
        batch_size: Pictures a step.
        pictures: Pictures in the training world.
        lr: Peak learning rate of AdamW.

    Returns:
        The loss of every step, in nats a name.

    Raises:
        ValueError: If there are too few steps to warm up.
    """
    check_steps(steps)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    backbone, head = build_backbone(), nn.Conv2d(128, len(NAMES), 1)
    world = draw_pictures(2 * TRAINING_WORLD + seed, pictures, context_rate=1 / len(SCENES))
    labels = torch.stack([names_in(scene) for scene, _ in world])
    images = torch.from_numpy(np.stack([p.image for _, p in world])).permute(0, 3, 1, 2)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (MEAN, STD))
    parameters = [*backbone.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=lr, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps, pct_start=0.1)
    losses = []
    for _ in track(range(steps), 'training the backbone', steps):
        chosen = torch.from_numpy(rng.integers(pictures, size=batch_size))
        batch = (images[chosen] / 255 - mean) / std
        mirrored = torch.from_numpy(rng.random(batch_size) < 0.5).view(-1, 1, 1, 1)
        scores = head(backbone(torch.where(mirrored, batch.flip(-1), batch))[-1]).mean((-2, -1))
        loss = nn.functional.binary_cross_entropy_with_logits(scores, labels[chosen])
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
