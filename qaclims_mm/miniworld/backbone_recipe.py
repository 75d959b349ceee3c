"""The recipe of the backbones, a ResNet and a ViT: MiniWorld's stand-in for ImageNet and DINOv3.

Without it the classifier of a short training reads the scene, not the object, and its maps mark the
context alone; the paper's networks start from ImageNet, where objects stand anywhere.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

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

# Finer than the classes, as ImageNet's names are.
KINDS = tuple(k for facts in CLASS_FACTS.values() for k in facts.kinds)
VIT_OPTIONS: dict[str, Any] = dict(
    embed_dim=96, depth=6, num_heads=3, patch_size=8, img_size=112, init_values=None
)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def build_resnet() -> Any:
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


class TinyViT(nn.Module):
    """A ViT of timm built as DINOv3's: six blocks, patches of 8 pixels, random weights."""

    def __init__(self) -> None:
        import timm

        super().__init__()
        name = 'vit_small_patch16_dinov3'
        self.network: Any = timm.create_model(name, num_classes=0, **VIT_OPTIONS)

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """Map images ``(B, 3, H, W)`` to the features of their patches, ``(B, 96, S, 1)``."""
        tokens = self.network.forward_features(images)[:, self.network.num_prefix_tokens :]
        return (tokens.transpose(1, 2)[..., None],)


class Recipe(NamedTuple):
    """How a backbone is trained.

    Attributes:
        build: Makes it, with random weights; it maps images to a tuple of maps.
        channels: Of its last map.
        side: Of the crops in pixels. A ViT learns from small ones in a third of the time, and sees
            objects as large in patches as they are in pictures.
        steps: Training steps.
        batch_size: Pictures a step.
        pictures: In the training world.
        weight_decay: Of AdamW.
        max_norm: Of the gradients.
    """

    build: Callable[[], Any]
    channels: int
    side: int
    steps: int
    batch_size: int
    pictures: int
    weight_decay: float
    max_norm: float


RECIPES = {
    'r18-mini': Recipe(build_resnet, 128, 112, 800, 24, 4000, 0.02, float('inf')),
    'vit-mini': Recipe(TinyViT, 96, 64, 1000, 32, 2500, 0.05, 1.0),
}


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
    name: str = 'r18-mini',
    seed: int = 0,
    steps: int | None = None,
    batch_size: int | None = None,
    pictures: int | None = None,
    lr: float = 2e-3,
) -> list[float]:
    """Train a backbone to name the kind of an object and write its weights, in float16.

    The objects are cut out of pictures in which they stand in any scene equally often; one label
    an image, no mask and no box reaches the loss.

    Args:
        folder: Where ``NAME.safetensors`` goes.
        name: One of ``RECIPES``.
        seed: Of the world, the weights and the batches.
        steps: Training steps; by default those of the recipe.
        batch_size: Pictures a step; by default that of the recipe.
        pictures: Pictures in the training world; by default those of the recipe.
        lr: Peak learning rate of AdamW.

    Returns:
        The loss of every step, in nats.

    Raises:
        ValueError: If there are too few steps to warm up.
    """
    recipe = RECIPES[name]
    steps, batch_size = steps or recipe.steps, batch_size or recipe.batch_size
    pictures = pictures or recipe.pictures
    check_steps(steps)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    backbone, head = recipe.build(), nn.Conv2d(recipe.channels, len(KINDS), 1)
    world = draw_pictures(2 * TRAINING_WORLD + seed, pictures, context_rate=1 / len(SCENES))
    objects = [(picture.image, thing) for scene, picture in world for thing in scene.objects]
    parameters = [*backbone.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=lr, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps, pct_start=0.1)
    losses = []
    for _ in track(range(steps), 'training the backbone', steps):
        chosen = [objects[i] for i in rng.integers(len(objects), size=batch_size)]
        images = torch.stack([crop_object(rng, *entry) for entry in chosen])
        images = _resized(images, recipe.side)
        labels = torch.tensor([KINDS.index(thing.name) for _, thing in chosen])
        scores = head(backbone(images)[-1]).mean((-2, -1))
        loss = nn.functional.cross_entropy(scores, labels)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, recipe.max_norm)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    # those of timm have timm's own names
    state = getattr(backbone, 'network', backbone).state_dict()
    halved = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
    with atomic_path(folder / f'{name}.safetensors') as path:
        save_file(halved, path)
    return losses


def _resized(images: Tensor, side: int) -> Tensor:
    """Resize square images ``(B, 3, S, S)``, unless they have that side already."""
    if images.shape[-1] == side:
        return images
    return nn.functional.interpolate(images, size=(side, side), mode='bilinear', antialias=True)
