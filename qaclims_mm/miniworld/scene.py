"""Sampling a scene, painting it, and knowing the truth about it."""

from dataclasses import dataclass

import numpy as np

from qaclims_mm.miniworld.brush import Brush
from qaclims_mm.miniworld.grounds import BACKDROPS
from qaclims_mm.miniworld.objects import PAINTERS as OBJECT_PAINTERS
from qaclims_mm.miniworld.things import PAINTERS as THING_PAINTERS
from qaclims_mm.miniworld.world import (
    CLASS_FACTS,
    CLASSES,
    CONTEXT_RATE,
    SCENE_FACTS,
    SCENES,
    SECOND_OBJECT_RATE,
)

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Item:
    """Something painted: its name, where it is (shares of the side), and whether it is mirrored."""

    name: str
    box: Box
    flip: bool = False


@dataclass(frozen=True)
class Object(Item):
    """An object; ``name`` is its kind."""

    class_name: str = ''


@dataclass(frozen=True)
class Scene:
    """All that is in a picture, from back to front; ``left`` and ``right`` may be ``None``."""

    name: str
    horizon: float
    behind: Item
    above: Item
    left: Item | None
    right: Item | None
    objects: tuple[Object, ...]

    @property
    def under(self) -> Item:
        """The ground."""
        return Item(SCENE_FACTS[self.name].under, (0.0, self.horizon, 1.0, 1.0))

    @property
    def things(self) -> tuple[Item, ...]:
        """Everything but the objects, from back to front."""
        beside = tuple(t for t in (self.left, self.right) if t is not None)
        return (self.behind, self.under, self.above, *beside)


@dataclass(frozen=True)
class Picture:
    """A painted scene: RGB uint8 ``(S, S, 3)``, mask uint8 ``(S, S)`` of k + 1 with 255 at edges.

    ``things`` holds for every thing of the scene what is visible of it, bool ``(S, S)``.
    """

    image: np.ndarray
    mask: np.ndarray
    things: dict[str, np.ndarray]


def sample_scene(rng: np.random.Generator, context_rate: float = CONTEXT_RATE) -> Scene:
    """Draw a scene: usually the one its first object belongs to, sometimes with a second object.

    Args:
        rng: Where chance comes from.
        context_rate: How often the scene is the one of the first object.
    """
    first = CLASSES[rng.integers(len(CLASSES))]
    home = CLASS_FACTS[first].scene
    if rng.random() >= context_rate:
        home = _other(rng, SCENES, home)
    facts = SCENE_FACTS[home]
    horizon = rng.uniform(0.6, 0.72)
    two = rng.random() < SECOND_OBJECT_RATE
    second_is_left = bool(rng.integers(2))
    objects = [_object(rng, first, 0.5 + (0.2 if second_is_left else -0.2) * two, horizon, two)]
    if two:
        second = _other(rng, CLASSES, first)
        objects.append(_object(rng, second, 0.22 if second_is_left else 0.78, horizon, True))

    def beside(centre: float) -> Item:
        side, base = rng.uniform(0.17, 0.24), horizon + rng.uniform(0.06, 0.16)
        name = facts.beside[rng.integers(2)]
        return Item(name, (centre - side / 2, base - side, centre + side / 2, base))

    left, right = beside(rng.uniform(0.11, 0.14)), beside(rng.uniform(0.86, 0.89))
    return Scene(
        name=home,
        horizon=horizon,
        behind=_behind(rng, facts.behind[rng.integers(2)], horizon),
        above=_above(rng, facts.above[rng.integers(2)]),
        left=None if two and second_is_left else left,
        right=None if two and not second_is_left else right,
        objects=tuple(objects),
    )


def _other(rng: np.random.Generator, names: tuple[str, ...], name: str) -> str:
    rest = [n for n in names if n != name]
    return rest[rng.integers(len(rest))]


def _object(
    rng: np.random.Generator, class_name: str, x: float, horizon: float, small: bool
) -> Object:
    facts = CLASS_FACTS[class_name]
    width = rng.uniform(0.32, 0.44) if small else rng.uniform(0.4, 0.7)
    width *= min(1.0, 0.55 + 0.25 * facts.aspect)
    height = width / facts.aspect * rng.uniform(0.92, 1.08)
    x += rng.uniform(-0.04, 0.04)
    bottom = horizon + rng.uniform(0.03, 0.18)
    box = (x - width / 2, bottom - height, x + width / 2, bottom)
    kind = facts.kinds[rng.integers(len(facts.kinds))]
    return Object(kind, box, bool(rng.integers(2)), class_name)


def _behind(rng: np.random.Generator, name: str, horizon: float) -> Item:
    x, width = rng.uniform(0.36, 0.64), rng.uniform(0.5, 0.66)
    height = rng.uniform(0.34, 0.44)
    return Item(name, (x - width / 2, horizon - height, x + width / 2, horizon + 0.02))


def _above(rng: np.random.Generator, name: str) -> Item:
    if name in ('wire', 'leaves'):
        return Item(name, (0.0, 0.0, 1.0, rng.uniform(0.13, 0.17)))
    width = rng.uniform(0.2, 0.28) * (1.5 if name in ('cloud', 'shelf', 'traffic light') else 1.0)
    x = rng.uniform(0.3, 0.7)
    height = rng.uniform(0.16, 0.2)
    return Item(name, (x - width / 2, 0.02, x + width / 2, 0.02 + height))


def paint(scene: Scene, rng: np.random.Generator, size: int) -> Picture:
    """Paint a scene.

    Args:
        scene: What is in it.
        rng: Colours and grain.
        size: Side in pixels.
    """
    top, bottom = (np.array(c, dtype=np.float32) for c in BACKDROPS[scene.name])
    share = np.linspace(0, 1, size, dtype=np.float32)[:, None, None]
    tint = rng.normal(0, 7, 3).astype(np.float32)
    sky = top * (1 - share) + bottom * share + tint
    picture = np.repeat(sky, size, axis=1)
    visible: dict[str, np.ndarray] = {}
    mask = np.zeros((size, size), dtype=np.uint8)
    for item in (*scene.things, *scene.objects):
        painters = OBJECT_PAINTERS if isinstance(item, Object) else THING_PAINTERS
        brush = Brush(size, item.box, item.flip)
        painters[item.name](brush, rng)
        layer = brush.finish(rng)
        layer.over(picture)
        alpha = layer.rgba[..., 3]
        for seen in visible.values():
            seen[layer.place] &= alpha < 0.5
        if isinstance(item, Object):
            region = mask[layer.place]
            region[alpha >= 0.15] = 255
            region[alpha > 0.85] = CLASSES.index(item.class_name) + 1
        else:
            visible.setdefault(item.name, np.zeros((size, size), dtype=bool))
            visible[item.name][layer.place] |= alpha >= 0.5
    picture = picture * rng.uniform(0.88, 1.1)
    return Picture(np.clip(picture, 0, 255).astype(np.uint8), mask, visible)


def truth(scene: Scene, index: int) -> dict[str, tuple[str, ...]]:
    """Return for each question id the answers that are right about an object, the best one first.

    Args:
        scene: The scene.
        index: Which of its objects is asked about.
    """
    thing = scene.objects[index]
    facts, scene_facts = CLASS_FACTS[thing.class_name], SCENE_FACTS[scene.name]
    left, right = _neighbours(scene, index)
    answers = {
        'fine_1': (thing.name,),
        'fine_2': (thing.name,),
        'object_1': (scene.above.name,),
        'object_2': (scene.under.name,),
        'object_3': (scene.behind.name,),
        'object_4': (scene.under.name, scene.behind.name),
        'object_5': (left, right),
        'object_6': (left,),
        'object_7': (right,),
    }
    for number in range(4):
        alias = facts.aliases[number % 2]
        answers[f'alias_{number + 1}'] = (alias, *(a for a in facts.aliases if a != alias))
    for number, name in enumerate(scene_facts.names):
        answers[f'scene_{number + 1}'] = (name, *(n for n in scene_facts.names if n != name))
    return answers


def _neighbours(scene: Scene, index: int) -> tuple[str, str]:
    """Return what stands left and right of an object: the other object, or a thing."""
    left, right = (t.name if t is not None else '' for t in (scene.left, scene.right))
    if len(scene.objects) == 1:
        return left, right
    other = scene.objects[1 - index]
    if other.box[0] < scene.objects[index].box[0]:
        return other.class_name, right or scene.behind.name
    return left or scene.behind.name, other.class_name
