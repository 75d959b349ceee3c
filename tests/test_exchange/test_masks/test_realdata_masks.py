"""Masks of real photographs there and back, each read by the tools of its format."""

import json

import numpy as np
import pytest
import supervision as sv
from mmseg.utils import get_classes
from PIL import Image, ImageDraw
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from tiny_masks import ious, shown

from qaclims_mm.exchange.masks.coco import INSTANCES, patches_of
from qaclims_mm.exchange.masks.export import FORMATS, export_masks
from qaclims_mm.exchange.masks.reading import read_masks
from qaclims_mm.miniworld import CLASSES, generate
from qaclims_mm.schemas import read_mask

pytestmark = pytest.mark.realdata
LEAST = 0.98
EXACT = ('png', 'voc')
WAYS = [*((n, False) for n in FORMATS), *((n, True) for n in ('coco', 'labelme', 'cvat'))]


def given_of(root, classes):
    """Return what ``export_masks`` needs of a folder in VOC's layout, and its masks."""
    folder = root / 'SegmentationClass'
    masks = {path.stem: read_mask(path) for path in sorted(folder.glob('*.png'))}
    images = {image_id: root / f'JPEGImages/{image_id}.jpg' for image_id in masks}
    return dict(masks=folder, images=images, classes=classes), masks


@pytest.fixture(scope='module')
def voc(realdata_dir):
    given, masks = given_of(realdata_dir / 'VOCdevkit/VOC2012', get_classes('voc')[1:])
    assert masks
    return given, masks


@pytest.fixture(scope='module')
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp('world')
    generate(root, num_train=40, num_val=0, seed=1)
    return given_of(root, CLASSES)


@pytest.mark.parametrize(('name', 'rle'), WAYS)
@pytest.mark.parametrize('data', ['voc', 'world'])
def test_there_and_back(data, name, rle, tmp_path, request):
    given, masks = request.getfixturevalue(data)
    export_masks(**given, out=tmp_path, format=name, rle=rle)
    problems = []
    sizes = {i: m.shape for i, m in masks.items()}
    found = dict(read_masks(tmp_path, sizes, given['classes'], problems))
    assert not problems
    assert set(found) == set(masks)
    least = min(iou for i, mask in masks.items() for iou in ious(mask, found[i]))
    assert least == 1 if rle or name in EXACT else least >= LEAST


def by_pycocotools(out, masks):
    coco = COCO(out / INSTANCES)
    for image in coco.loadImgs(coco.getImgIds()):
        found = np.zeros((image['height'], image['width']), int)
        for entry in coco.loadAnns(coco.getAnnIds(image['id'])):
            found[coco.annToMask(entry) > 0] = entry['category_id']
        yield image['file_name'].rpartition('.')[0], found


def by_supervision(out, classes, load):
    for path, _, detections in (dataset := load(out)):
        found = 0
        for pixels, k in zip(detections.mask, detections.class_id, strict=True):
            value = classes.index(dataset.classes[k]) + 1
            found = np.where(pixels, value, found)
        yield path.rpartition('/')[2].rpartition('.')[0], found


def from_yolo(out):
    folders = str(out / 'images'), str(out / 'labels'), str(out / 'data.yaml')
    return sv.DetectionDataset.from_yolo(*folders, force_masks=True)


def from_labelme(out):
    return sv.DetectionDataset.from_labelme(str(out), str(out))


def from_coco(out):
    return sv.DetectionDataset.from_coco(
        str(out / 'images'), str(out / INSTANCES), force_masks=True
    )


def by_pillow(out, classes):
    """Fill labelme's polygons as labelme does."""
    for path in out.rglob('*.json'):
        content = json.loads(path.read_text(encoding='utf-8'))
        found = Image.new('L', (content['imageWidth'], content['imageHeight']))
        for shape in content['shapes']:
            value = classes.index(shape['label']) + 1
            points = [tuple(point) for point in shape['points']]
            ImageDraw.Draw(found).polygon(points, outline=value, fill=value)
        yield path.stem, np.asarray(found)


READERS = {
    'coco': ('coco', False, lambda out, classes, masks: by_pycocotools(out, masks)),
    'coco, rle': ('coco', True, lambda out, classes, masks: by_pycocotools(out, masks)),
    'coco, rle, supervision': (
        'coco',
        True,
        lambda out, classes, masks: by_supervision(out, classes, from_coco),
    ),
    'yolo': ('yolo', False, lambda out, classes, masks: by_supervision(out, classes, from_yolo)),
    'labelme': ('labelme', False, lambda out, classes, masks: by_pillow(out, classes)),
    'labelme, supervision': (
        'labelme',
        False,
        lambda out, classes, masks: by_supervision(out, classes, from_labelme),
    ),
}


@pytest.mark.parametrize('reader', READERS)
@pytest.mark.parametrize('data', ['voc', 'world'])
def test_the_tools_of_the_format_make_the_same_masks(data, reader, tmp_path, request):
    given, masks = request.getfixturevalue(data)
    name, rle, read = READERS[reader]
    export_masks(**given, out=tmp_path, format=name, rle=rle, copy_images=True)
    found = dict(read(tmp_path, [*given['classes']], masks))
    assert set(found) == set(masks)
    least = min(iou for i, mask in masks.items() for iou in ious(mask, found[i]))
    assert least >= (1 if rle else LEAST)


def test_masks_of_coco_itself(realdata_dir):
    """Fill COCO's own polygons and run lengths as pycocotools does."""
    path = realdata_dir / 'COCO2014/annotations/instances_val2014.json'
    content = json.loads(path.read_text(encoding='utf-8'))
    sizes = {i['id']: (i['height'], i['width']) for i in content['images']}
    for entry in content['annotations']:
        size = sizes[entry['image_id']]
        encoded = coco_mask.frPyObjects(entry['segmentation'], *size)
        theirs = coco_mask.decode(
            coco_mask.merge(encoded) if isinstance(encoded, list) else encoded
        )
        ours = np.zeros(size, np.uint8)
        for patch in patches_of(entry['segmentation'], size):
            patch.paint(ours, 1)
        np.testing.assert_array_equal(ours, theirs)
    assert content['annotations']


def test_ignored_pixels_become_background(voc, tmp_path):
    given, masks = voc
    export_masks(**given, out=tmp_path, format='voc')
    for image_id, mask in masks.items():
        path = tmp_path / f'SegmentationClass/{image_id}.png'
        np.testing.assert_array_equal(read_mask(path), shown(mask))
