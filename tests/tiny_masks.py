"""Masks with everything that polygons find hard, and how well two masks agree."""

import numpy as np
from PIL import Image

from qaclims_mm.schemas import file_of, write_mask
from qaclims_mm.schemas.project import with_gap

SIZE = (37, 52)
CLASSES = ('dog', 'a/b', "it's </x>")
HOSTILE = (
    'dog',
    'a/b',
    '</label>',
    '"x"',
    '[/b]',
    "it's, a b",
    'été 犬 🐕',
    '{texts} %s &amp; #1',
    '- x: [y]',
    'None',
)
NAMES = ('a', 'sub dir/b', 'sub dir/deep/c d', 'odd #1 100%', 'x.y', 'été')


def drawn(number=0, classes=3):
    """Return a mask with a ring in a ring, a pixel, lines, a diagonal, noise and ignored pixels."""
    rng = np.random.default_rng(number)
    mask = np.zeros(SIZE, np.int64)
    mask[3:22, 4:27], mask[6:19, 7:24], mask[9:15, 11:19], mask[11, 13:15] = 1, 2, 1, 0
    mask[0, 0] = mask[36, 51] = 3
    mask[24, 2:20], mask[26:36, 3] = 2, 1
    mask[range(25, 36), range(6, 17)] = 3
    mask[26:36, 30:44] = rng.integers(0, 4, (10, 14))
    mask[2:8, 40:48] = 255
    mask[4, 42] = 1
    return np.where((mask != 255) & (mask > classes), 1 + mask % classes, mask)


def make_export(root, names=NAMES, classes=3):
    """Write images and masks; return what ``export_masks`` needs of them and the masks."""
    images, masks = {}, {}
    for number, name in enumerate(names):
        path = file_of(root / 'images', name, ('.jpg', '.PNG')[number % 2])
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((*SIZE, 3), 128, np.uint8)).save(path)
        masks[name], images[name] = drawn(number, classes), path
        write_mask(file_of(root / 'masks', name, '.png'), masks[name])
    return dict(masks=root / 'masks', images=images), masks


def many_classes(number):
    """Return names of so many classes as a data set has them, and a mask of the highest value."""
    names = with_gap([f'class {n}' for n in range(number)])
    mask = np.zeros(SIZE, np.int64)
    mask[3:9, 4:30], mask[20:30, 5:9], mask[33, 40] = len(names), 1, 254
    return names, mask


def sizes(masks):
    return {image_id: mask.shape for image_id, mask in masks.items()}


def shown(mask):
    """Return a mask as formats keep it that have no ignored pixels."""
    return np.where(mask == 255, 0, mask)


def ious(true, found):
    """Return the IoU of each class of a mask."""
    values = [v for v in np.unique(true) if v not in (0, 255)]
    return [((true == v) & (found == v)).sum() / ((true == v) | (found == v)).sum() for v in values]


def brush_words(content, channels=4):
    """Decode Label Studio's brush bit by bit, as its format is described."""
    bits = ''.join(f'{byte:08b}' for byte in content)
    place = 0

    def take(number):
        nonlocal place
        place += number
        return int(bits[place - number : place], 2)

    number, word = take(32), take(5) + 1
    sizes = [take(4) + 1 for _ in range(4)]
    words = []
    while len(words) < number:
        same = take(1)
        count = take(sizes[take(2)]) + 1
        if same:
            words += [take(word)] * count
        else:
            words += [take(word) for _ in range(count)]
    return np.array(words).reshape(-1, channels)
