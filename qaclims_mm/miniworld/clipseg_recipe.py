"""The recipe of the tiny CLIPSeg: the model of transformers, trained with the masks of MiniWorld.

It starts from MiniWorld's CLIP. Like CLIPSeg and SAM 3, and unlike QA-CLIMS, it is trained with
masks.

Shapes: B pictures of a batch, T texts a picture, S side of the input, H W pixels.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from qaclims_mm.miniworld.clip_recipe import TRAINING_WORLD, check_steps, write_tokenizer
from qaclims_mm.miniworld.clipseg_model import (
    IMAGE_SIZE,
    PATCH_SIZE,
    build_model,
    predict_logits,
    start_from_clip,
)
from qaclims_mm.miniworld.regions import PROMPTS, draw_pictures, object_mask
from qaclims_mm.miniworld.scene import Picture, Scene
from qaclims_mm.miniworld.world import CLASS_FACTS, CLASSES, SCENE_FACTS, THINGS, names_of
from qaclims_mm.paths import resolve
from qaclims_mm.progress import track
from qaclims_mm.schemas import IGNORE_INDEX
from qaclims_mm.schemas.files import atomic_files
from qaclims_mm.vlms.segment.inputs import normalise

# Every text that a prompt can be.
ALL_TEXTS = tuple(
    dict.fromkeys(
        (
            *(n for c in CLASSES for kind in CLASS_FACTS[c].kinds for n in names_of(c, kind)),
            *THINGS,
            *(n for facts in SCENE_FACTS.values() for n in facts.names),
        )
    )
)


class Prompts(NamedTuple):
    """Texts of one picture, and the masks of the things that they name, bool ``(T, H, W)``."""

    texts: list[str]
    masks: np.ndarray


def sample_prompts(rng: np.random.Generator, scene: Scene, picture: Picture, texts: int) -> Prompts:
    """Draw texts, three quarters of which name something in a picture.

    Args:
        rng: Random generator.
        scene: Scene of the picture.
        picture: Picture of the scene.
        texts: Number of texts, T.
    """
    named = named_masks(scene, picture)
    kinds = {t.name for t in scene.objects}
    near = [k for t in scene.objects for k in CLASS_FACTS[t.class_name].kinds if k not in kinds]
    absent = [t for t in ALL_TEXTS if t not in named]
    objects = [n for t in scene.objects for n in names_of(t.class_name, t.name)]
    groups = (objects, list(named), near if rng.random() < 0.5 else absent, objects)
    chosen = [group[rng.integers(len(group))] for group in (groups * texts)[:texts]]
    nothing = np.zeros_like(picture.mask, dtype=bool)
    return Prompts(chosen, np.stack([named.get(text, nothing) for text in chosen]))


def named_masks(scene: Scene, picture: Picture) -> dict[str, np.ndarray]:
    """Return {text: mask of the pixels that it names in a picture}, bool ``(H, W)`` each.

    The name of a scene names all pixels without an object.
    """
    masks = dict(picture.things)
    masks |= dict.fromkeys(SCENE_FACTS[scene.name].names, picture.mask == 0)
    for thing in scene.objects:
        own = object_mask(picture, thing.class_name) > 0
        masks |= dict.fromkeys(names_of(thing.class_name, thing.name), own)
    return masks


def mask_loss(logits: Tensor, masks: Tensor, known: Tensor) -> Tensor:
    """Return the binary cross entropy plus the Dice loss of the texts that the picture shows.

    Args:
        logits: ``(N, H, W)``.
        masks: Ground truth in [0, 1], ``(N, H, W)``.
        known: Weight of each pixel, 0 at the soft edges of objects, ``(N, H, W)``.

    Returns:
        Scalar; cross entropy in nats a pixel.
    """
    crossed = F.binary_cross_entropy_with_logits(logits, masks, weight=known)
    probability = logits.sigmoid() * known
    masks = masks * known
    both = 2 * (probability * masks).sum((1, 2)) + 1
    dice = 1 - both / (probability.sum((1, 2)) + masks.sum((1, 2)) + 1)
    present = (masks.amax((1, 2)) > 0).float()
    return crossed + (dice * present).sum() / present.sum().clamp(min=1)


def train_clipseg(
    folder: str | Path,
    seed: int = 0,
    steps: int = 1500,
    batch_size: int = 10,
    texts: int = 4,
    pictures: int = 2000,
    lr: float = 1e-3,
) -> list[float]:
    """Train the tiny CLIPSeg and write the folder that ``CLIPSegSegmenter`` loads, in float16.

    With the mask loss alone the encoders learn slowly. A linear layer therefore also predicts from
    each patch whether it shows the text. This layer is not saved.

    Args:
        folder: Folder for config, tokenizer and weights.
        seed: Seed of the world, the weights and the batches.
        steps: Training steps.
        batch_size: Pictures a step, B.
        texts: Texts a picture, T.
        pictures: Pictures in the training world.
        lr: Peak learning rate of AdamW.

    Returns:
        The loss of every step.

    Raises:
        ValueError: If there are too few steps to warm up.
        FileNotFoundError: If MiniWorld's CLIP has no weights.
    """
    from transformers import AutoTokenizer

    folder = Path(folder)
    check_steps(steps)
    folder.mkdir(parents=True, exist_ok=True)
    vocab_size = write_tokenizer(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = build_model(vocab_size).train()
    start_from_clip(model, load_file(resolve('miniworld://clip/open_clip_model.safetensors')))
    world = draw_pictures(TRAINING_WORLD + seed, pictures)
    reader = nn.Linear(model.config.reduce_dim, 1)
    parameters = [*model.parameters(), *reader.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=lr, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps, pct_start=0.1)
    losses = []
    for _ in track(range(steps), 'training CLIPSeg', steps):
        chosen = [world[i] for i in rng.integers(len(world), size=batch_size)]
        images, prompts, masks, known = collate(rng, chosen, texts)
        tokens = tokenizer(prompts, padding=True, return_tensors='pt')
        tokens = {name: tokens[name] for name in ('input_ids', 'attention_mask')}
        logits, patches = predict_logits(model, reader, images, tokens, texts)
        loss = mask_loss(logits, masks, known)
        coarse = (F.avg_pool2d(m[:, None], PATCH_SIZE)[:, 0] for m in (masks, known))
        optimizer.zero_grad()
        (loss + mask_loss(patches, *coarse)).backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    with atomic_files(folder) as temporary:
        model.half().save_pretrained(temporary)
    return losses


def collate(
    rng: np.random.Generator, chosen: list[tuple[Scene, Picture]], texts: int
) -> tuple[Tensor, list[str], Tensor, Tensor]:
    """Return images ``(B, 3, S, S)``, B T prompts, and masks and weights ``(B T, S, S)``."""
    size = (IMAGE_SIZE, IMAGE_SIZE)
    images, prompts, masks, known = [], [], [], []
    for scene, picture in chosen:
        flip = slice(None, None, -1 if rng.random() < 0.5 else 1)
        found = sample_prompts(rng, scene, picture, texts)
        prompts += [PROMPTS[rng.integers(len(PROMPTS))].format(t) for t in found.texts]
        images.append(normalise(picture.image[:, flip], size, 'imagenet', 'cpu'))
        masks.append(torch.from_numpy(found.masks[..., flip].astype(np.float32)))
        sharp = picture.mask[:, flip] != IGNORE_INDEX
        known.append(torch.from_numpy(sharp.astype(np.float32)).expand(texts, -1, -1))
    shrunk, clear = (
        F.interpolate(torch.cat(m)[:, None], size=size, mode='bilinear', antialias=True)[:, 0]
        for m in (masks, known)
    )
    return torch.cat(images), prompts, shrunk, clear
