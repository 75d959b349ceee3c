"""Write the masks of images: qaclims predict CONFIG WEIGHTS IMAGES ... --out DIR.

IMAGES are files and folders, whose folders are mirrored. DIR gets masks/*.png, classes.csv with the
name and the area of each value, and with --overlay overlays/*.jpg. An image whose mask is there is
skipped. The exit status is 3 if an image cannot be read; these are listed at the end.
"""

import argparse
import csv
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from qaclims_mm.console import new_console
from qaclims_mm.engine.trust import CONFIGS_ARE_CODE
from qaclims_mm.errors import EXIT_BAD_RECORDS, FormatError, RecordError
from qaclims_mm.schemas import atomic_path, claim_folder, file_of, read_mask, write_mask

if TYPE_CHECKING:
    from qaclims_mm.inference import Segmenter


def main() -> int:
    """Segment what is not done, write the areas and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=CONFIGS_ARE_CODE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config', help="segmentor's config, or the name of one that ships")
    parser.add_argument('weights', help="segmentor's checkpoint")
    parser.add_argument('images', nargs='+', help='images, and folders of images')
    parser.add_argument('--out', required=True, help='folder of the masks')
    parser.add_argument('--overlay', action='store_true', help='write masks laid over images, too')
    parser.add_argument('--device', help='default: a GPU if there is one')
    args = parser.parse_args()
    # these take seconds, and --help does not need them
    from qaclims_mm.inference import Segmenter
    from qaclims_mm.progress import track

    out, images = Path(args.out), _ids_of(args.images)
    segmenter = Segmenter(args.config, args.weights, args.device)
    claim_folder(out, _fingerprint(segmenter, args.weights))
    failed = []
    for image_id, path in track(images.items(), 'segmenting', len(images)):
        try:
            _predict(segmenter, path, image_id, out, args.overlay)
        except RecordError as error:
            failed.append(str(error))
    written = {i: file_of(out / 'masks', i, '.png') for i in images}
    done = [path for path in written.values() if path.is_file()]
    _write_areas(out / 'classes.csv', done, segmenter)
    console = new_console()
    console.print(f'{len(done)} masks in {out / "masks"}', soft_wrap=True)
    for problem in failed:
        console.print(f'- {problem}', soft_wrap=True)
    return EXIT_BAD_RECORDS if failed else 0


def _ids_of(given: list[str]) -> dict[str, Path]:
    """Return {image id: file}; an id is the path below the folder that was given.

    Raises:
        FormatError: If two images would have one mask.
    """
    from qaclims_mm.inference.segmenter import list_files
    from qaclims_mm.schemas import image_id_of

    images: dict[str, Path] = {}
    for name in given:
        root = Path(name) if Path(name).is_dir() else Path(name).parent
        for path in list_files(Path(name)):
            image_id = image_id_of(path, root)
            other = images.setdefault(image_id, path)
            if other != path:
                raise FormatError(
                    f'{other} and {path} would have the same mask {image_id}.png; rename one, or '
                    'give each its own --out.'
                )
    return images


def _fingerprint(segmenter: 'Segmenter', weights: str) -> dict[str, str]:
    from qaclims_mm.paths import resolve
    from qaclims_mm.schemas import hash_config, hash_file

    file = Path(resolve(weights))
    keys = ('model', 'test_dataloader')
    config = hash_config({k: segmenter.cfg[k].to_dict() for k in keys})
    return dict(config=config, weights=hash_file(file) if file.is_file() else weights)


def _predict(
    segmenter: 'Segmenter', path: Path, image_id: str, out: Path, with_overlay: bool
) -> None:
    """Write what is not there yet of an image.

    Raises:
        RecordError: If the image cannot be read.
    """
    from PIL import Image

    mask = file_of(out / 'masks', image_id, '.png')
    overlay = file_of(out / 'overlays', image_id, '.jpg')
    if mask.is_file() and (overlay.is_file() or not with_overlay):
        return
    found = segmenter.segment(path)
    if with_overlay:
        with atomic_path(overlay) as temporary:
            Image.fromarray(found.overlay()).save(temporary, format='JPEG', quality=90)
    write_mask(mask, found.mask)


def _write_areas(path: Path, masks: list[Path], segmenter: 'Segmenter') -> None:
    """Write a row for each value: its name, its pixels, and the images that have it."""
    import numpy as np

    pixels: Counter[int] = Counter()
    images: Counter[int] = Counter()
    for mask in masks:
        values, counts = np.unique(read_mask(mask), return_counts=True)
        pixels.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))
        images.update(values.tolist())
    names = dict(enumerate(segmenter.classes))
    with atomic_path(path) as temporary, temporary.open('w', encoding='utf-8', newline='') as file:
        rows = csv.writer(file, lineterminator='\n')
        rows.writerow(('value', 'class', 'pixels', 'images'))
        for value in sorted({*names, *pixels}):
            rows.writerow((value, names.get(value, ''), pixels[value], images[value]))
