"""Draw the pictures of docs/masks.md: python docs/make_mask_pictures.py WORK_DIR.

WORK_DIR is the work dir of a MiniWorld plan on which qaclims compare has run. Start the command in
the folder that has data/miniworld. choices.jpg shows masks of each choice, and page.jpg parts of
the page of qaclims compare; it needs chromium and the extra browser.
"""

import argparse
import io
import json
import shutil
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image

from qaclims_mm.schemas import file_of, read_mask
from qaclims_mm.schemas.work_dir import COMPARE, PSEUDO_MASKS
from qaclims_mm.visualization.colours import page_colours
from qaclims_mm.visualization.overlays import outline_mask

mpl.use('Agg')

from matplotlib import pyplot as plt

OUT = Path(__file__).parent / '_static' / 'masks'
QUALITY = 85
DATA = Path('data/miniworld')
SHOWN = ('mini_000004', 'mini_000046', 'mini_000196')
SIDE = 1.35  # inches
# size of the browser in pixels, and a script that leaves the tables of classes and most images out
WINDOW = dict(width=1100, height=800)
SHORTEN = """() => {
    const main = document.querySelector('main');
    main.style.padding = '0 16px';
    for (const section of main.querySelectorAll('section')) {
        if (!['recommended-masks', 'scores', 'images'].includes(section.id)) section.remove();
    }
    for (const name of ['#scores figure', 'article']) {
        [...main.querySelectorAll(name)].slice(1).forEach(node => node.remove());
    }
}"""


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


def draw_choices(work_dir: Path) -> None:
    """Draw the masks of all choices on three images."""
    columns = columns_of(work_dir)
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
    figure.savefig(OUT / 'choices.jpg', dpi=130, pil_kwargs=dict(quality=QUALITY))


def draw_page(work_dir: Path) -> None:
    """Take a picture of the verdict, the scores and the first image of the page."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which('chromium'), args=['--no-sandbox']
        )
        page = browser.new_page(viewport=WINDOW)
        page.goto((work_dir / COMPARE / 'index.html').absolute().as_uri())
        page.evaluate(SHORTEN)
        picture = page.locator('main').screenshot()
        browser.close()
    image = Image.open(io.BytesIO(picture)).convert('RGB')
    image.thumbnail((900, image.height), Image.Resampling.LANCZOS)
    image.save(OUT / 'page.jpg', quality=QUALITY)


def main() -> None:
    """Draw the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('work_dir', type=Path, help='work dir on which qaclims compare has run')
    work_dir = parser.parse_args().work_dir
    OUT.mkdir(parents=True, exist_ok=True)
    draw_choices(work_dir)
    draw_page(work_dir)


if __name__ == '__main__':
    main()
