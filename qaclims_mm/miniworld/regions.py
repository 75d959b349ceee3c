"""Regions of pictures and what their texts may be: the training data of the tiny CLIP."""

from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context

import numpy as np
from PIL import Image

from qaclims_mm.cores import number_of_cores
from qaclims_mm.miniworld.generate import make_picture
from qaclims_mm.miniworld.scene import Picture, Scene
from qaclims_mm.miniworld.world import CLASS_FACTS, CLASSES, CONTEXT_RATE, SCENE_FACTS, names_of
from qaclims_mm.progress import track

PROMPTS = ('a photo of {}', 'a photo of {}.', '{}')
# An object draws more attention than as much background does: captions name it first.
OBJECT_SALIENCE = 4.0
OMEGA = 0.1
# Regions that show everything, what they are not about less clearly.
LEAK_RATE = 0.4
OBJECT_NAMES = frozenset(
    name for c in CLASSES for kind in CLASS_FACTS[c].kinds for name in names_of(c, kind)
)


@dataclass(frozen=True)
class Region:
    """A part of a picture: weights in [0, 1] ``(S, S)``, and {text: how well it fits}."""

    image: np.ndarray
    weight: np.ndarray
    scores: dict[str, float]


def draw_pictures(
    seed: int, number: int, size: int = 112, context_rate: float = CONTEXT_RATE
) -> list[tuple[Scene, Picture]]:
    """Draw pictures of a world on all cores."""
    draw = partial(make_picture, seed, size=size, context_rate=context_rate)
    with get_context('fork').Pool(number_of_cores()) as pool:
        pictures = pool.imap(draw, range(number), chunksize=16)
        drawn = list(track(pictures, description='drawing pictures', total=number))
        # as in generate
        pool.close()
        pool.join()
    return drawn


def object_mask(picture: Picture, class_name: str) -> np.ndarray:
    """Return the pixels of a class, its soft edge not included, float32 ``(S, S)``."""
    return (picture.mask == CLASSES.index(class_name) + 1).astype(np.float32)


def sample_region(rng: np.random.Generator, scene: Scene, picture: Picture) -> Region:
    """Cut a random region out of a picture.

    Half of them are about an object, a third about what is left without it, the others about a
    single thing or everything; most are then made as imperfect as an activation map is, and all are
    seen from barely to well.
    """
    thing = scene.objects[rng.integers(len(scene.objects))]
    own = object_mask(picture, thing.class_name)
    draw = rng.random()
    if draw < 0.5:
        mask = own
    elif draw < 0.85:
        mask = 1 - own
    elif draw < 0.95:
        name = list(picture.things)[rng.integers(len(picture.things))]
        mask = picture.things[name].astype(np.float32)
    else:
        mask = np.ones_like(own)
    weight = _imperfect(rng, mask, picture)
    weight = weight * (weight >= OMEGA * weight.max())
    if weight.sum() < 30:
        weight = np.ones_like(own)
    return Region(picture.image, weight, score_texts(scene, picture, weight))


def _imperfect(rng: np.random.Generator, mask: np.ndarray, picture: Picture) -> np.ndarray:
    """Leak, lose a part, or become as coarse and soft as an upsampled activation map."""
    side = len(mask)
    if rng.random() < 0.25:
        name = list(picture.things)[rng.integers(len(picture.things))]
        mask = np.maximum(mask, picture.things[name])
    if rng.random() < 0.25:
        normal, at = rng.normal(size=2), np.indices(mask.shape) / side - 0.5
        mask = mask * ((normal[0] * at[0] + normal[1] * at[1]) > rng.normal(0, 0.1))
    if rng.random() < 0.6:
        cells = int(rng.choice([7, 10, 14, 20]))
        coarse = Image.fromarray(mask.astype(np.float32)).resize(
            (cells, cells), Image.Resampling.BOX
        )
        noisy = np.asarray(coarse) + rng.normal(0, 0.08, (cells, cells))
        image = Image.fromarray(noisy.astype(np.float32))
        mask = np.clip(np.asarray(image.resize((side, side), Image.Resampling.BILINEAR)), 0, 1)
        if rng.random() < 0.5:
            mask = (mask > rng.uniform(0.15, 0.7)).astype(np.float32)
    if rng.random() < LEAK_RATE:
        # everything is seen a little, as it is in a map at the beginning of its training
        mask = np.maximum(mask, rng.uniform(0, 1) * mask.max())
    return mask.astype(np.float32) * rng.uniform(0.05, 1.0) ** 0.5


def is_background(text: str) -> bool:
    """Tell whether a text names no object but a scene or a thing around."""
    return text not in OBJECT_NAMES


def score_texts(scene: Scene, picture: Picture, weight: np.ndarray) -> dict[str, float]:
    """Return how well texts fit a region, in [0, 1]: the share of what they name.

    An object counts by its salience, a thing by how much of it is seen in what is no object. No
    text says what is absent: captions hardly ever do, and CLIP does not understand "no dog"
    (arXiv 2501.10913).
    """
    total = float(weight.sum())
    mass = {
        t: float((weight * object_mask(picture, t.class_name)).sum()) / total for t in scene.objects
    }
    covered = sum(mass.values())
    salient = OBJECT_SALIENCE * covered + 1 - covered
    scores: dict[str, float] = {}
    for thing, share in mass.items():
        for name in names_of(thing.class_name, thing.name):
            scores[name] = OBJECT_SALIENCE * share / salient
    background = (1 - covered) / salient
    for name, seen in picture.things.items():
        visible = float((weight * seen).sum()) / max(float(seen.sum()) * float(weight.max()), 1.0)
        scores[name] = max(scores.get(name, 0.0), background * min(1.0, visible))
    for name in SCENE_FACTS[scene.name].names:
        scores[name] = max(scores.get(name, 0.0), background)
    return {name: score for name, score in scores.items() if score > 0}


def sample_text(rng: np.random.Generator, region: Region) -> str:
    """Draw one of the texts of a region by its score."""
    names = list(region.scores)
    scores = np.array([region.scores[n] for n in names]) ** 2
    return names[rng.choice(len(names), p=scores / scores.sum())]
