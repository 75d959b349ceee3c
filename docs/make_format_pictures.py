"""Draw the pictures of file formats in the docs: python docs/make_format_pictures.py.

They show masks of MiniWorld as they are read back from an export, beside the first lines of its
file. Those of labelme and Label Studio are screenshots, which are made by hand.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import supervision as sv
from PIL import Image
from pycocotools.coco import COCO

from qaclims_mm.exchange.masks.export import export_masks
from qaclims_mm.exchange.masks.reading import read_masks
from qaclims_mm.miniworld.generate import generate
from qaclims_mm.miniworld.world import CLASSES
from qaclims_mm.schemas import read_mask, voc_palette

mpl.use('Agg')

from matplotlib import pyplot as plt
from matplotlib.patches import Rectangle

OUT = Path(__file__).parent / '_static' / 'formats'
SIZE, SHOWN, OTHERS = 224, 'mini_000003', ('mini_000001', 'mini_000006')
# of a text beside a picture
COLUMNS, LINES = 86, 17
# of a picture, and sides of photographs by their number, in inches
WIDTH, SIDES = 9, {1: 2.7, 2: 2.6, 3: 2.05}
COLOURS = np.reshape(voc_palette(), (-1, 3)) / 255


class World:
    """A few pictures of MiniWorld, with an export of their masks in every format.

    Args:
        root: Folder to fill.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        generate(root / 'world', num_train=8, num_val=1, seed=3, size=SIZE)
        self.images = {i: root / f'world/JPEGImages/{i}.jpg' for i in (SHOWN, *OTHERS)}

    def export(self, format: str) -> Path:
        """Return the folder of an export."""
        out = self.root / format
        masks = self.root / 'world/SegmentationClass'
        export_masks(masks, self.images, CLASSES, out, format, copy_images=True)
        return out

    def photo(self, image_id: str = SHOWN) -> np.ndarray:
        """Return a photograph, RGB ``(H, W, 3)``."""
        return np.asarray(Image.open(self.images[image_id]).convert('RGB'))


def draw(name: str, photos: Sequence[np.ndarray], text: str) -> list[plt.Axes]:
    """Return the axes of photographs with a text beside them; ``save`` writes the figure."""
    side = SIDES[len(photos)]
    widths = [side] * len(photos) + [WIDTH - side * len(photos)]
    figure, axes = plt.subplots(
        1, len(widths), figsize=(WIDTH, side + 0.1), width_ratios=widths, num=name, clear=True
    )
    for axis, photo in zip(axes, photos, strict=False):
        axis.imshow(photo)
    for axis in axes:
        axis.axis('off')
    axes[-1].text(0, 1, text, family='monospace', size=8, va='top', transform=axes[-1].transAxes)
    figure.subplots_adjust(0.005, 0.02, 0.995, 0.96, wspace=0.05)
    return list(axes)


def save(name: str) -> None:
    """Write a figure that was drawn."""
    figure = plt.figure(name)
    figure.savefig(OUT / f'{name}.jpg', dpi=100, pil_kwargs=dict(quality=88, optimize=True))
    plt.close(figure)


def first_lines(path: Path, start: str = '', lines: int = LINES) -> str:
    """Return the first lines of a file from one that holds a text on, cut to the figure."""
    rows = path.read_text(encoding='utf-8').splitlines()
    first = next(k for k, row in enumerate(rows) if start in row)
    shown = rows[first : first + lines]
    return '\n'.join(r if len(r) <= COLUMNS else r[: COLUMNS - 4] + ' ...' for r in shown)


def outline(axis: plt.Axes, mask: np.ndarray) -> None:
    """Draw the outline and the name of each class of a mask."""
    for value in np.unique(mask[(mask > 0) & (mask < 255)]):
        pixels = mask == value
        colour = COLOURS[value]
        axis.contour(pixels, [0.5], colors=[colour * 0.6], linewidths=1.6)
        axis.imshow(np.dstack([np.ones((*mask.shape, 3)) * colour, 0.35 * pixels]))
        top, left = np.argwhere(pixels).min(0)
        name_class(axis, left, top, CLASSES[value - 1])


def name_class(axis: plt.Axes, left: float, top: float, name: str) -> None:
    """Write the name of a class above a region."""
    box = dict(facecolor='white', edgecolor='none', pad=1, alpha=0.85)
    axis.text(left, top - 4, name, size=8, va='bottom', bbox=box)


def masks_of_coco(out: Path) -> np.ndarray:
    """Return the mask that pycocotools reads."""
    coco = COCO(str(out / 'annotations/instances_default.json'))
    [image] = [i for i in coco.imgs.values() if i['file_name'].startswith(SHOWN)]
    mask = np.zeros((SIZE, SIZE), np.uint8)
    for entry in coco.imgToAnns[image['id']]:
        mask[coco.annToMask(entry) > 0] = entry['category_id']
    return mask


def masks_of_yolo(out: Path) -> np.ndarray:
    """Return the mask that supervision reads."""
    folders = (str(out / 'images'), str(out / 'labels'), str(out / 'data.yaml'))
    mask = np.zeros((SIZE, SIZE), np.uint8)
    for path, _, found in sv.DetectionDataset.from_yolo(*folders, force_masks=True):
        if Path(path).stem == SHOWN:
            for pixels, value in zip(found.mask, found.class_id, strict=True):
                mask[pixels] = value + 1
    return mask


def masks_of_cvat(out: Path) -> np.ndarray:
    """Return the mask that this package reads, since CVAT has no library for its own format."""
    return dict(read_masks(out, {SHOWN: (SIZE, SIZE)}, CLASSES, []))[SHOWN]


POLYGONS: Mapping[str, tuple[Callable[[Path], np.ndarray], str, str]] = {
    'coco': (masks_of_coco, 'annotations/instances_default.json', ''),
    'yolo': (masks_of_yolo, f'labels/{SHOWN}.txt', ''),
    'cvat': (masks_of_cvat, 'annotations.xml', '<label><name>sheep'),
}


def draw_polygons(world: World, name: str) -> None:
    """Draw the polygons of an export beside its file."""
    read, file, start = POLYGONS[name]
    out = world.export(name)
    head = f'{file}\n\n'
    if name == 'yolo':
        head = f'data.yaml\n\n{first_lines(out / "data.yaml", "names", 5)}\n  ...\n\n{head}'
    axes = draw(
        name, [world.photo()], head + first_lines(out / file, start, LINES - head.count('\n'))
    )
    outline(axes[0], read(out))
    save(name)


def draw_pixels(world: World, name: str, folder: str, table: str) -> None:
    """Draw the PNG file of an export as it looks beside the table of its values."""
    out = world.export(name)
    mask = read_mask(out / folder / f'{SHOWN}.png')
    file = f'{folder}/{SHOWN}.png'.removeprefix('/')
    text = f'{file}\n\n\n{table}\n\n{first_lines(out / table)}'
    axes = draw(f'{name}-masks', [world.photo(), COLOURS[mask]], text)
    for value in np.unique(mask[(mask > 0) & (mask < 255)]):
        top, left = np.argwhere(mask == value).min(0)
        name_class(axes[1], left, top, f'{CLASSES[value - 1]} = {value}')
    save(f'{name}-masks')


def draw_boxes(world: World) -> None:
    """Draw the boxes of VOC's XML beside the file."""
    path = world.root / f'world/Annotations/{SHOWN}.xml'
    [axis, _] = draw('voc-labels', [world.photo()], f'{path.name}\n\n{first_lines(path, "", 15)}')
    for entry in ElementTree.parse(path).iter('object'):  # noqa: S314  written above
        name = entry.findtext('name', '')
        left, top, right, bottom = [float(corner.text) for corner in entry.find('bndbox')]
        colour = COLOURS[CLASSES.index(name) + 1]
        axis.add_patch(
            Rectangle((left, top), right - left, bottom - top, fill=False, ec=colour, lw=2)
        )
        name_class(axis, left, top, name)
    save('voc-labels')


TEXTS = {
    'table': """\
images/p0.jpg
images/p1.jpg
images/p2.jpg

labels.csv

  image,labels
  p0.jpg,boat;sheep
  p1.jpg,train
  p2.jpg,car;sheep""",
    'hugging-face': """\
dataset/p0.jpg
dataset/p1.jpg
dataset/p2.jpg

dataset/metadata.jsonl

  {"file_name": "p0.jpg",
   "labels": ["boat", "sheep"]}
  {"file_name": "p1.jpg",
   "labels": ["train"]}
  ...""",
    'folders': """\
images/
  boat/
    p0.jpg
  train/
    p1.jpg
  car/
    p2.jpg""",
}


def main() -> None:
    """Draw all pictures."""
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        for name in POLYGONS:
            draw_polygons(world, name)
        draw_pixels(world, 'voc', 'SegmentationClass', 'labelmap.txt')
        draw_pixels(world, 'png', '', 'classes.csv')
        draw_boxes(world)
        for name, text in TEXTS.items():
            axes = draw(name, [world.photo(i) for i in world.images], text)
            for number, axis in enumerate(axes[:-1]):
                name_class(axis, 6, 22, f'p{number}.jpg')
            save(name)


if __name__ == '__main__':
    main()
