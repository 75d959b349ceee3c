"""COCO's instances made into a table of image-level labels and semantic masks."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from qaclims_mm.errors import ConfigError, DataError, FormatError
from qaclims_mm.progress import track
from qaclims_mm.schemas import (
    IGNORE_INDEX,
    claim_folder,
    claim_path,
    file_of,
    hash_file,
    join_problems,
    problem_of_image_id,
    read_claim,
    shown_name,
    write_mask,
)
from qaclims_mm.schemas.labels import Instances, read_instances, write_labels

OVERLAPS = ('later', 'smaller')
CROWDS = ('background', 'ignore')


def draw_mask(
    image: dict[str, Any],
    objects: list[dict[str, Any]],
    values: dict[int, int],
    overlap: str = 'later',
    crowd: str = 'background',
) -> np.ndarray:
    """Draw the semantic mask of an image.

    Args:
        image: Has ``height`` and ``width``.
        objects: Its objects, in the order of the file.
        values: {category id: value in the mask}.
        overlap: Which of two objects a pixel belongs to: the ``later`` one of the file, as in the
            masks this field's numbers are measured on (ReCAM's mscoco/annToMask.py), or the
            ``smaller`` one.
        crowd: What regions marked as a crowd become: ``background``, as in those masks, or
            ``ignore``.

    Returns:
        uint8 ``(H, W)``; an object covers what pycocotools makes of its polygons.

    Raises:
        ImportError: If pycocotools is not installed.
    """
    try:
        from pycocotools import mask as coco
    except ImportError as error:
        raise ImportError("masks need pycocotools; run: pip install 'qaclims_mm[coco]'") from error

    size = image['height'], image['width']
    mask = np.zeros(size, dtype=np.uint8)
    if overlap == 'smaller':
        objects = sorted(objects, key=lambda o: -o['area'])
    if crowd == 'background':
        objects = [o for o in objects if not o['iscrowd']]
    for item in sorted(objects, key=lambda o: -o['iscrowd']):
        outline = item['segmentation']
        if isinstance(outline, list):
            outline = coco.merge(coco.frPyObjects(outline, *size))
        elif isinstance(outline['counts'], list):
            outline = coco.frPyObjects(outline, *size)
        value = IGNORE_INDEX if item['iscrowd'] else values[item['category_id']]
        mask[coco.decode(outline) > 0] = value
    return mask


def mask_values(instances: Instances) -> dict[int, int]:
    """Return {category id: its place in ``COCO14WeakDataset``'s classes}.

    Raises:
        DataError: If a category is none of the classes.
    """
    # it takes seconds, and --help does not need it
    from qaclims_mm.datasets.coco14 import CLASSES

    unknown = [f'{n} (id {i})' for i, n in instances.categories.items() if n not in CLASSES[1:]]
    if unknown:
        raise DataError(join_problems(unknown, 'category', 'are none of the 80 classes of COCO'))
    return {number: CLASSES.index(name) for number, name in instances.categories.items()}


def prepare_split(
    root: str | Path,
    split: str,
    masks: bool = True,
    overlap: str = 'later',
    crowd: str = 'background',
    workers: int = 1,
) -> tuple[int, int]:
    """Write ``image_labels/<split>.csv`` and ``mask/<split>/<image>.png`` below ``root``.

    Masks that are there already are kept, so a killed run goes on.

    Args:
        root: Has ``annotations/instances_<split>.json``.
        split: ``train2014`` or ``val2014``.
        masks: Whether to draw the masks.
        overlap: See ``draw_mask``.
        crowd: See ``draw_mask``.
        workers: Processes that draw.

    Returns:
        The number of images and of those without a label.

    Raises:
        FormatError: If the instances are missing or broken.
        DataError: If they have other classes or unusable file names.
        ConfigError: If the folder holds masks of another tool.
        StageError: If its masks were drawn from other instances or in another way.
    """
    root = Path(root)
    source = root / f'annotations/instances_{split}.json'
    instances = read_instances(source)
    values = mask_values(instances)
    labels = instances.labels()
    bad = [f'{shown_name(i)}: {problem}' for i in labels if (problem := problem_of_image_id(i))]
    if bad:
        raise DataError(join_problems(bad, 'image', f'have no usable name in {source}'))
    folder = root / 'mask' / split
    made_of = dict(instances=hash_file(source), overlap=overlap, crowd=crowd)
    if masks:
        _claim(folder, made_of)
    elif claim_path(folder).is_file():
        # no table beside masks of other instances
        claim_folder(folder, read_claim(folder) | dict(instances=made_of['instances']))
    if masks:
        draw = partial(_draw_and_write, values=values, overlap=overlap, crowd=crowd)
        tasks = list(_tasks(instances, folder))
        with ProcessPoolExecutor(workers, mp_context=get_context('fork')) as pool:
            drawn = pool.map(draw, tasks, chunksize=64)
            for _ in track(drawn, f'masks of {split}', len(tasks)):
                pass
    # last: a table that is there says that the masks are
    write_labels(root / f'image_labels/{split}.csv', labels)
    return len(labels), sum(not names for names in labels.values())


def _claim(folder: Path, made_of: dict[str, str]) -> None:
    """Refuse to add to masks of another kind."""
    if not claim_path(folder).is_file() and any(folder.glob('*.png')):
        raise ConfigError(
            f'{folder} holds masks that this tool did not draw; keep them with --no-masks, or '
            'delete the folder.'
        )
    claim_folder(folder, made_of)


def _tasks(instances: Instances, folder: Path) -> Iterator[tuple]:
    for number, image in instances.images.items():
        path = file_of(folder, Path(image['file_name']).stem, '.png')
        if not path.is_file():
            yield path, image, instances.objects[number]


def _draw_and_write(task: tuple, **options: Any) -> None:
    path, image, objects = task
    try:
        mask = draw_mask(image, objects, **options)
    except ImportError:
        raise
    except Exception as error:  # pycocotools raises that class itself
        raise FormatError(
            f'the objects of {image["file_name"]} cannot be drawn ({type(error).__name__}: {error})'
        ) from error
    write_mask(path, mask)
