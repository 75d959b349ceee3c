import json
import os
import zipfile

import numpy as np
import pytest
from tiny_masks import CLASSES, sizes

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.masks.export import FORMATS
from qaclims_mm.exchange.masks.reading import read_masks

COCO = dict(images=[], categories=[], annotations=[dict(segmentation=[[0, 0, 1, 0, 1, 1]])])
# the one file of an export that may have any name
SINGLE = {
    'coco': 'annotations/instances_default.json',
    'cvat': 'annotations.xml',
    'label-studio': 'tasks.json',
}


@pytest.mark.parametrize('name', SINGLE)
def test_a_file_of_any_name(exported, tmp_path, name):
    out, masks = exported(name)
    file = tmp_path / 'my export'
    (out / SINGLE[name]).rename(file)
    assert set(dict(read_masks(file, sizes(masks), CLASSES, []))) == set(masks)


@pytest.mark.parametrize('name', FORMATS)
def test_an_export_beside_its_images(exported, name):
    out, masks = exported(name, copy_images=True)
    problems = []
    found = dict(read_masks(out, sizes(masks), CLASSES, problems))
    for image_id, mask in masks.items():
        if name != 'png':
            mask = np.where(mask == 255, 0, mask)
        np.testing.assert_array_equal(found[image_id], mask)
    assert not problems


@pytest.mark.parametrize('name', FORMATS)
def test_an_image_with_unknown_classes_alone_is_left_out(exported, name):
    """It would count as one that a person has confirmed to be background."""
    out, masks = exported(name)
    images = sizes(masks)
    problems = []
    assert not dict(read_masks(out, images, ['horse', 'cow'], problems))
    left_out = [p for p in problems if 'no region that is a mask of a class' in p]
    assert len(left_out) == len(masks)
    # one class that is known is enough, and so is an older name of it
    for classes, former in ([CLASSES[0]], {}), (['horse'], {CLASSES[0]: 'horse'}):
        problems = []
        found = dict(read_masks(out, images, classes, problems, former))
        assert set(found) == set(masks)
        assert all(255 in found[i] and 1 in found[i] for i in masks)
        assert not [p for p in problems if 'left out' in p]


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


FILES = {
    'text': ('masks', r'is neither JSON nor XML; masks are a folder of PNG masks, COCO JSON'),
    'empty': ('', 'is neither JSON nor XML'),
    'broken': ('{"a"', 'is not valid JSON'),
    'other JSON': ({'a': 1}, "is none of COCO's instances, labelme's shapes and Label Studio's"),
    'boxes': (dict(COCO, annotations=[dict(bbox=[1])]), 'has no segmentation: its annotations are'),
    'no annotation': (dict(COCO, annotations=[]), 'has no segmentation'),
    'JSON-MIN': ([dict(image='a', tag=[])], r'export JSON, not JSON-MIN'),
    'deep': ('[' * 100_000, 'is nested too deeply'),
}


@pytest.mark.parametrize(('content', 'message'), FILES.values(), ids=FILES)
def test_other_files(tmp_path, content, message):
    with pytest.raises(FormatError, match=message):
        read_masks(write(tmp_path / 'x', content), {'a': (1, 1)}, ['dog'], [])


def test_archives(tmp_path):
    with zipfile.ZipFile(tmp_path / 'x.zip', 'w') as file:
        file.writestr('annotations.xml', '<annotations/>')
    with pytest.raises(FormatError, match=r'x\.zip is an archive; unpack it and give the folder\.'):
        read_masks(tmp_path / 'x.zip', {'a': (1, 1)}, ['dog'], [])


def test_what_is_no_file(tmp_path):
    with pytest.raises(FormatError, match=r'absent is missing; give a file or folder of masks\.'):
        read_masks(tmp_path / 'absent', {'a': (1, 1)}, ['dog'], [])
    os.mkfifo(tmp_path / 'pipe')
    with pytest.raises(FormatError, match='pipe is not a regular file'):
        read_masks(tmp_path / 'pipe', {'a': (1, 1)}, ['dog'], [])
    (tmp_path / 'folder').mkdir()
    with pytest.raises(FormatError, match='folder has no masks; masks are a folder of PNG masks'):
        read_masks(tmp_path / 'folder', {'a': (1, 1)}, ['dog'], [])


def test_cases(cases_dir):
    """Exports of other tasks are refused with the way to a useful one."""
    images = {f'p{n}': (64, 80) for n in range(4)}
    with pytest.raises(FormatError, match='has no segmentation'):
        read_masks(cases_dir / 'coco-export-paths.json', images, ['dog'], [])
    for name in ('cvat-images.xml', 'label-studio.json'):
        problems = []
        assert not dict(read_masks(cases_dir / name, images, ['cat', 'dog'], problems))
        assert any('is no mask' in p for p in problems)
        assert any('has no region that is a mask of a class; it is left out' in p for p in problems)


def test_masks_of_the_cases(cases_dir):
    images = {f'p{n}': (64, 80) for n in range(4)}
    found = dict(read_masks(cases_dir / 'labelme', images, ['cat', 'dog'], []))
    assert found
    problems = []
    for folder in ('masks-rgb', 'masks-1-bit'):
        assert not dict(read_masks(cases_dir / folder, images, ['cat', 'dog'], problems))
    assert all('its mode is' in problem for problem in problems)
