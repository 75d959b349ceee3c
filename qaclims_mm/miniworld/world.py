"""What there is in MiniWorld: classes, their kinds and names, scenes and the things in them."""

from typing import NamedTuple


class ClassFacts(NamedTuple):
    """A class: its visible kinds, two other names, the scene it belongs to, width over height."""

    kinds: tuple[str, ...]
    aliases: tuple[str, str]
    scene: str
    aspect: float


class SceneFacts(NamedTuple):
    """A scene: three names for it, and what can lie under, above, behind and beside an object."""

    names: tuple[str, str, str]
    under: str
    above: tuple[str, ...]
    behind: tuple[str, ...]
    beside: tuple[str, ...]


CLASS_FACTS = {
    'aeroplane': ClassFacts(('jet', 'biplane', 'glider'), ('airplane', 'aircraft'), 'airport', 2.2),
    'bird': ClassFacts(('parrot', 'duck', 'owl'), ('fowl', 'birdie'), 'forest', 1.0),
    'boat': ClassFacts(('sailboat', 'rowboat', 'steamboat'), ('ship', 'vessel'), 'lake', 1.4),
    'car': ClassFacts(('taxi', 'pickup', 'van'), ('automobile', 'vehicle'), 'street', 1.8),
    'cat': ClassFacts(('tabby', 'siamese', 'black cat'), ('kitty', 'feline'), 'living room', 1.2),
    'potted plant': ClassFacts(
        ('cactus', 'tulip', 'fern'), ('houseplant', 'flowerpot'), 'kitchen', 0.7
    ),
    'sheep': ClassFacts(('lamb', 'ram', 'black sheep'), ('livestock', 'ewe'), 'meadow', 1.3),
    'train': ClassFacts(
        ('steam train', 'tram', 'freight train'), ('locomotive', 'railcar'), 'station', 2.2
    ),
}
CLASSES = tuple(CLASS_FACTS)

SCENE_FACTS = {
    'airport': SceneFacts(
        ('airport', 'airfield', 'runway'),
        'tarmac',
        ('sun', 'cloud'),
        ('tower', 'hangar'),
        ('windsock', 'cone'),
    ),
    'forest': SceneFacts(
        ('forest', 'woods', 'wilderness'),
        'branch',
        ('leaves', 'moon'),
        ('tree', 'bush'),
        ('mushroom', 'nest'),
    ),
    'lake': SceneFacts(
        ('lake', 'sea', 'harbor'),
        'water',
        ('sun', 'cloud'),
        ('mountain', 'lighthouse'),
        ('buoy', 'pier'),
    ),
    'street': SceneFacts(
        ('street', 'city', 'town'),
        'road',
        ('traffic light', 'cloud'),
        ('building', 'tree'),
        ('sign', 'hydrant'),
    ),
    'living room': SceneFacts(
        ('living room', 'indoors', 'house'),
        'carpet',
        ('picture', 'clock'),
        ('sofa', 'curtain'),
        ('ball', 'lamp'),
    ),
    'kitchen': SceneFacts(
        ('kitchen', 'home', 'apartment'),
        'table',
        ('shelf', 'clock'),
        ('window', 'cupboard'),
        ('cup', 'book'),
    ),
    'meadow': SceneFacts(
        ('meadow', 'field', 'farm'),
        'grass',
        ('sun', 'cloud'),
        ('fence', 'barn'),
        ('haystack', 'rock'),
    ),
    'station': SceneFacts(
        ('station', 'railway', 'countryside'),
        'tracks',
        ('wire', 'moon'),
        ('platform', 'bridge'),
        ('signal', 'bench'),
    ),
}
SCENES = tuple(SCENE_FACTS)
THINGS = tuple(
    sorted({t for s in SCENE_FACTS.values() for t in (s.under, *s.above, *s.behind, *s.beside)})
)
# Share of pictures whose scene is the one their first object belongs to.
CONTEXT_RATE = 0.9
SECOND_OBJECT_RATE = 0.3


def names_of(class_name: str, kind: str) -> tuple[str, ...]:
    """Return every name that fits an object of this kind: class, kind, both, aliases."""
    facts = CLASS_FACTS[class_name]
    return (class_name, kind, label_with(kind, class_name), *facts.aliases)


def label_with(answer: str, class_name: str) -> str:
    """Return an answer that names the class: "jet" becomes "jet aeroplane", "black cat" stays."""
    return answer if class_name in answer else f'{answer} {class_name}'


def vocabulary() -> list[str]:
    """Return every word of the world, sorted."""
    phrases = {
        *CLASSES,
        *THINGS,
        *(n for facts in CLASS_FACTS.values() for n in (*facts.kinds, *facts.aliases)),
        *(n for facts in SCENE_FACTS.values() for n in facts.names),
    }
    return sorted({word for phrase in phrases for word in phrase.split()})
