"""Draw docs/_static/masks/choices.jpg: python docs/make_mask_pictures.py WORK_DIR.

WORK_DIR is the work dir of a MiniWorld plan on which qaclims compare has run. Start the command in
the folder that has data/miniworld.
"""

import argparse
import json
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image

from qaclims_mm.report.mask_pictures import page_colours
from qaclims_mm.schemas import file_of, read_mask
from qaclims_mm.schemas.work_dir import COMPARE, PSEUDO_MASKS
from qaclims_mm.visualization.overlays import outline_mask

mpl.use('Agg')

from matplotlib import pyplot as plt

OUT = Path(__file__).parent / '_static' / 'masks' / 'choices.jpg'
DATA = Path('data/miniworld')
SHOWN = ('mini_000004', 'mini_000046', 'mini_000196')
SIDE = 1.35  # inches


def columns_of(work_dir: Path) -> dict[str, Path]:
    """Return {title: folder of masks}: the ground truth, then the choices, the best first."""
    path = work_dir / COMPARE / 'comparison.json'
    found = json.loads(path.read_text(encoding='utf-8'))
    columns = {'ground truth': DATA / 'SegmentationClass'}
    for masks in found['masks']:
        if not masks['note']:
            title = f'{masks["masks_by"]}\n{masks["miou"]:.1f} mIoU'
            columns[title] = work_dir / masks['stage'] / PSEUDO_MASKS
    return columns


def main() -> None:
    """Draw the masks of all choices on three images."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('work_dir', type=Path, help='work dir on which qaclims compare has run')
    columns = columns_of(parser.parse_args().work_dir)
    size = (SIDE * (1 + len(columns)), SIDE * len(SHOWN) + 0.45)
    figure, axes = plt.subplots(len(SHOWN), 1 + len(columns), figsize=size, squeeze=False)
    for number, (row, image_id) in enumerate(zip(axes, SHOWN, strict=True)):
        image = np.asarray(Image.open(DATA / f'JPEGImages/{image_id}.jpg').convert('RGB'))
        shown = {'image': image}
        for title, folder in columns.items():
            mask = read_mask(file_of(folder, image_id, '.png'))
            shown[title] = outline_mask(image, mask, colours=page_colours())
        for axis, (title, picture) in zip(row, shown.items(), strict=True):
            axis.imshow(picture)
            axis.axis('off')
            if not number:
                axis.set_title(title, fontsize=8)
    top = 1 - 0.42 / size[1]
    figure.subplots_adjust(0.005, 0.01, 0.995, top, wspace=0.04, hspace=0.04)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(OUT, dpi=130, pil_kwargs=dict(quality=85))


if __name__ == '__main__':
    main()
