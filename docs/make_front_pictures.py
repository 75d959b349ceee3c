"""Draw the first pictures of the docs: python docs/make_front_pictures.py WORK_DIR.

front.jpg is that of README.md and docs/index.md, own-data.jpg that of docs/own-data.md. WORK_DIR is
the work dir of bash tools/quickstart.sh. Start the command in the folder that has data/miniworld.
"""

import argparse
import json
import tempfile
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image

from qaclims_mm.corpus.store import VQACorpus
from qaclims_mm.exchange.masks.export import export_masks
from qaclims_mm.miniworld.world import CLASSES
from qaclims_mm.schemas import file_of, read_cams, read_mask
from qaclims_mm.visualization.colours import page_colours
from qaclims_mm.visualization.overlays import outline_mask, overlay_cam
from qaclims_mm.visualization.sheets import BG_COLOUR, FG_COLOUR

mpl.use('Agg')

from matplotlib import pyplot as plt
from matplotlib.patches import Patch, Polygon

OUT = Path(__file__).parent / '_static'
DATA = Path('data/miniworld/JPEGImages')
PALETTE = page_colours()
COLOURS = PALETTE / 255
# training pictures, and pictures on which nothing was trained
SHOWN = ('mini_000000', 'mini_000012')
NEW = ('mini_001501', 'mini_001509')
TITLES = (
    'You have: an image\nand its labels',
    'A VQA model answers\nquestions about it',
    'Maps that learn from\nlabels alone (CAM)',
    'Maps that also learn\nfrom the answers',
    'Masks to train\na segmentor on',
    'You get: a model\nfor new images',
)
SIDE, CAPTION, TITLE = 1.5, 0.2, 0.42  # inches
TEXT_SIZE = 8.0  # points
ANSWERS = 4  # per class, and twice as many about the background
# of own-data.jpg: the rows of the table, and the picture that is shown
LABELS = {'mini_001502': 'car;train', 'mini_001503': 'sheep', 'mini_001504': 'cat'}
PHOTO = 'mini_001502'


def read_image(image_id: str) -> np.ndarray:
    """Return a picture of MiniWorld, RGB uint8 ``(H, W, 3)``."""
    return np.asarray(Image.open(DATA / f'{image_id}.jpg').convert('RGB'))


def answers_of(corpus: VQACorpus, image_id: str) -> tuple[dict[str, list[str]], list[str]]:
    """Return {class: its foreground answers} and the background answers, without doubles."""
    rows = corpus[image_id]
    found: dict[str, list[str]] = {row['class_name']: [] for row in rows}
    background: list[str] = []
    for row in rows:
        texts = found[row['class_name']] if row['kind'] == 'fg' else background
        if row['text'] and row['text'] not in texts:
            texts.append(row['text'])
    return {name: texts[:ANSWERS] for name, texts in found.items()}, background[: 2 * ANSWERS]


def write_answers(axis: plt.Axes, answers: dict[str, list[str]], background: list[str]) -> None:
    """Write the answers of a picture, foreground in green and background in red."""
    lines = [(text, FG_COLOUR) for texts in answers.values() for text in texts]
    lines += [(', '.join(background[k : k + 2]), BG_COLOUR) for k in range(0, len(background), 2)]
    for number, (line, colour) in enumerate(lines[:11]):
        place = dict(x=0.5, y=0.97 - 0.088 * number, ha='center', va='top')
        axis.text(s=line, color=colour, fontsize=TEXT_SIZE, transform=axis.transAxes, **place)


def draw(work_dir: Path) -> plt.Figure:
    """Draw a row for each picture, from its labels to a new picture that the model segments."""
    corpus = VQACorpus(work_dir / 'qape/corpus')
    size = (SIDE * len(TITLES), (SIDE + CAPTION) * len(SHOWN) + TITLE)
    figure, axes = plt.subplots(len(SHOWN), len(TITLES), figsize=size, squeeze=False)
    for row, image_id, new in zip(axes, SHOWN, NEW, strict=True):
        image, unseen = read_image(image_id), read_image(new)
        answers, background = answers_of(corpus, image_id)
        maps = [
            read_cams(file_of(work_dir / stage / 'cams', image_id, '.npz')).high_res.max(0)
            for stage in ('cam_maps', 'qa_clims_maps')
        ]
        mask = read_mask(file_of(work_dir / 'irn_masks/pseudo_masks', image_id, '.png'))
        predicted = read_mask(file_of(work_dir / 'segment_test/predictions', new, '.png'))
        row[0].imshow(image)
        row[0].set_xlabel(', '.join(answers), fontsize=TEXT_SIZE, labelpad=3)
        write_answers(row[1], answers, background)
        for axis, cam in zip(row[2:4], maps, strict=True):
            axis.imshow(overlay_cam(image, cam))
        row[4].imshow(outline_mask(image, mask, colours=PALETTE))
        row[5].imshow(outline_mask(unseen, predicted, colours=PALETTE))
    for axis, title in zip(axes[0], TITLES, strict=True):
        axis.set_title(title, fontsize=TEXT_SIZE + 0.5, y=1.01)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    top = 1 - TITLE / size[1]
    figure.subplots_adjust(0.005, CAPTION / size[1], 0.995, top, wspace=0.04, hspace=0.14)
    return figure


def polygons_of(masks: Path) -> list[tuple[int, np.ndarray]]:
    """Return value and corners ``(N, 2)`` of each polygon of the picture in an export."""
    with tempfile.TemporaryDirectory() as folder:
        export_masks(masks, {PHOTO: DATA / f'{PHOTO}.jpg'}, CLASSES, Path(folder), 'coco')
        file = Path(folder) / 'annotations/instances_default.json'
        entries = json.loads(file.read_text(encoding='utf-8'))['annotations']
    return [(e['category_id'], np.reshape(p, (-1, 2))) for e in entries for p in e['segmentation']]


def draw_own_data(work_dir: Path) -> plt.Figure:
    """Draw a table of labels, a picture, its mask, and the mask as polygons."""
    masks = work_dir / 'segment_test/predictions'
    figure, axes = plt.subplots(1, 4, figsize=(8, 2.3))
    image, mask = read_image(PHOTO), read_mask(file_of(masks, PHOTO, '.png'))
    table = ['image,labels', *(f'{name}.jpg,{labels}' for name, labels in LABELS.items()), '...']
    place = dict(x=0.02, y=0.96, va='top', linespacing=1.6, family='monospace', fontsize=6.5)
    axes[0].text(s='\n'.join(table), transform=axes[0].transAxes, **place)
    laid = outline_mask(image, mask, colours=PALETTE)
    for axis, shown in zip(axes[1:], (image, laid, image), strict=True):
        axis.imshow(shown)
    values = [value for value in np.unique(mask) if 0 < value <= len(CLASSES)]
    legend = [Patch(color=COLOURS[value], label=CLASSES[value - 1]) for value in values]
    axes[2].legend(handles=legend, loc='upper left', fontsize=TEXT_SIZE - 1)
    for value, corners in polygons_of(masks):
        colour = COLOURS[value]
        axes[3].add_patch(Polygon(corners, fill=False, edgecolor=colour, linewidth=1.5))
        axes[3].scatter(*corners.T, s=9, color=[colour], edgecolors='white', linewidths=0.5)
    axes[0].set_box_aspect(1)
    titles = (
        '1. Labels',
        '2. A picture',
        '3. A mask of the model',
        '4. Polygons for a labelling tool',
    )
    for axis, title in zip(axes, titles, strict=True):
        axis.set_title(title, fontsize=TEXT_SIZE + 0.5)
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(axis is axes[0])
    figure.subplots_adjust(0.005, 0.01, 0.995, 0.9, wspace=0.04)
    return figure


def main() -> None:
    """Draw the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('work_dir', type=Path, help='work dir of quickstart')
    work_dir = parser.parse_args().work_dir
    for name, figure in (('front', draw(work_dir)), ('own-data', draw_own_data(work_dir))):
        figure.savefig(OUT / f'{name}.jpg', dpi=140, pil_kwargs=dict(quality=85))


if __name__ == '__main__':
    main()
