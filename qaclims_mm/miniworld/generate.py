"""Writing MiniWorld in PASCAL VOC's layout."""

import json
import multiprocessing
import os
import shutil
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from qaclims_mm.cores import number_of_cores
from qaclims_mm.errors import ConfigError
from qaclims_mm.miniworld.scene import Picture, Scene, paint, sample_scene, truth
from qaclims_mm.miniworld.world import CONTEXT_RATE
from qaclims_mm.progress import track
from qaclims_mm.schemas import read_json, temporary_path, write_json, write_mask

WORLD_VERSION = 1
MIN_SIZE = 32


def make_picture(
    seed: int, index: int, size: int, context_rate: float = CONTEXT_RATE
) -> tuple[Scene, Picture]:
    """Return picture ``index`` of a world; it depends on nothing but these numbers."""
    rng = np.random.default_rng([seed, index])
    scene = sample_scene(rng, context_rate)
    return scene, paint(scene, rng, size)


def generate(
    root: str | Path,
    num_train: int = 1500,
    num_val: int = 300,
    seed: int = 0,
    size: int = 112,
) -> Path:
    """Write a world: images, masks, XML labels, lists, and the truth about every question.

    Args:
        root: Folder to fill; a complete world with the same parameters is kept as it is.
        num_train: Pictures in ``ImageSets/Segmentation/train.txt``.
        num_val: Pictures in ``ImageSets/Segmentation/val.txt``.
        seed: The world; equal seeds give equal files.
        size: Side of a picture in pixels.

    Returns:
        ``root``.

    Raises:
        ConfigError: If ``root`` holds something else, or a world with other parameters.
        ValueError: If there is nothing to draw, or a picture has too few pixels to show anything.
    """
    if min(num_train, num_val) < 0 or num_train + num_val < 1 or size < MIN_SIZE:
        raise ValueError(
            f'a world needs at least one picture of at least {MIN_SIZE} pixels a side, but got '
            f'num_train={num_train}, num_val={num_val}, size={size}.'
        )
    root = Path(root)
    parameters = dict(
        version=WORLD_VERSION, num_train=num_train, num_val=num_val, seed=seed, size=size
    )
    if root.exists() and any(root.iterdir()):
        _check_existing(root, parameters)
        return root
    partial_root = temporary_path(root)
    for folder in ('JPEGImages', 'SegmentationClass', 'Annotations', 'ImageSets/Segmentation'):
        (partial_root / folder).mkdir(parents=True, exist_ok=True)
    try:
        _fill(partial_root, num_train, num_val, seed, size)
        write_json(partial_root / 'world.json', parameters)
        root.parent.mkdir(parents=True, exist_ok=True)
        os.replace(partial_root, root)
    finally:
        shutil.rmtree(partial_root, ignore_errors=True)
    return root


def _check_existing(root: Path, parameters: dict[str, int]) -> None:
    if not (root / 'world.json').is_file():
        raise ConfigError(f'{root} holds files that are no MiniWorld; choose another --root.')
    found = read_json(root / 'world.json')
    if found != parameters:
        raise ConfigError(
            f'{root} holds a MiniWorld with {found}, but {parameters} is wanted; '
            'delete the folder or choose another --root.'
        )


def _fill(root: Path, num_train: int, num_val: int, seed: int, size: int) -> None:
    number = num_train + num_val
    ids = [f'mini_{i:06d}' for i in range(number)]
    write = partial(_write_picture, root, seed, size)
    with multiprocessing.get_context('fork').Pool(number_of_cores()) as pool:
        lines = list(
            track(
                pool.imap(write, enumerate(ids), chunksize=16),
                description='drawing MiniWorld',
                total=number,
            )
        )
        # workers that are told to end while they wait for a lock may never hear it
        pool.close()
        pool.join()
    (root / 'scenes.jsonl').write_text('\n'.join(lines) + '\n', encoding='utf-8')
    lists = root / 'ImageSets' / 'Segmentation'
    (lists / 'train.txt').write_text('\n'.join(ids[:num_train]) + '\n', encoding='utf-8')
    (lists / 'val.txt').write_text('\n'.join(ids[num_train:]) + '\n', encoding='utf-8')


def _write_picture(root: Path, seed: int, size: int, entry: tuple[int, str]) -> str:
    """Write one picture's files and return its line of ``scenes.jsonl``."""
    index, image_id = entry
    scene, picture = make_picture(seed, index, size)
    Image.fromarray(picture.image).save(
        root / 'JPEGImages' / f'{image_id}.jpg', quality=95, subsampling=0
    )
    write_mask(root / 'SegmentationClass' / f'{image_id}.png', picture.mask)
    _write_xml(root / 'Annotations' / f'{image_id}.xml', scene, size)
    objects = [
        dict(class_name=thing.class_name, kind=thing.name, answers=truth(scene, i))
        for i, thing in enumerate(scene.objects)
    ]
    return json.dumps(dict(image_id=image_id, scene=scene.name, objects=objects))


def _write_xml(path: Path, scene: Scene, size: int) -> None:
    root = ElementTree.Element('annotation')
    ElementTree.SubElement(root, 'filename').text = f'{path.stem}.jpg'
    shape = ElementTree.SubElement(root, 'size')
    for name, value in (('width', size), ('height', size), ('depth', 3)):
        ElementTree.SubElement(shape, name).text = str(value)
    for thing in scene.objects:
        node = ElementTree.SubElement(root, 'object')
        ElementTree.SubElement(node, 'name').text = thing.class_name
        box = ElementTree.SubElement(node, 'bndbox')
        for name, share in zip(('xmin', 'ymin', 'xmax', 'ymax'), thing.box, strict=True):
            value = int(np.clip(round(share * size), 0, size - 1)) + 1
            ElementTree.SubElement(box, name).text = str(value)
    ElementTree.indent(root)
    ElementTree.ElementTree(root).write(path)
