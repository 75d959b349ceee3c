import json

import numpy as np
import pytest
from PIL import Image
from test_schemas.test_labels import instances

from qaclims_mm.checks import dataset as check_dataset
from qaclims_mm.checks.dataset import DataSet, check_data_set
from qaclims_mm.convert.prepare_coco import prepare_split
from qaclims_mm.datasets.voc12 import CLASSES
from qaclims_mm.downloads.catalogue import catalogue_file, read_catalogue
from qaclims_mm.schemas import write_mask

DEVKIT = 'VOCtrainval_11-May-2012.tar'
AUG = 'ImageSets/Segmentation/trainaug.txt'


def check(root, kind='VOC12WeakDataset', masks=True, full=False, **options):
    options = dict(ann_file='train.txt', data_root=str(root)) | options
    return check_data_set(DataSet(kind, options, masks), full)


def only(found):
    [problem] = found.problems
    return problem


# --- VOC ------------------------------------------------------------------------------------------


@pytest.mark.parametrize('labels_file', [None, 'labels.csv'])
@pytest.mark.parametrize('full', [False, True])
def test_all_is_there(voc, labels_file, full):
    found = check(voc, labels_file=labels_file, full=full)
    assert found.problems == []
    assert (found.root, found.name, found.images) == (str(voc), 'train.txt', 4)
    assert found.missing == dict(images=0, masks=0)
    assert len(found.classes) == 20
    assert found.labels == {'dog': 2, 'person': 1, 'dining table': 1, 'cat': 1, 'train': 1}
    assert found.unlabelled == 0


def test_missing_root(tmp_path):
    found = check(tmp_path / 'VOCdevkit/VOC2012')
    assert found.images is found.labels is None
    what, where, mend = only(found)
    assert (what, where) == ('data set', f'{tmp_path}/VOCdevkit/VOC2012 is missing')
    assert f'http://host.robots.ox.ac.uk/pascal/VOC/voc2012/{DEVKIT}' in mend
    assert mend.endswith(f'unpack it: tar -xf {DEVKIT} -C {tmp_path}')


def test_missing_root_of_another_name(tmp_path):
    mend = only(check(tmp_path / 'pascal')).mend
    assert mend.endswith(f'unpack it, and move its VOCdevkit/VOC2012 to {tmp_path}/pascal')


def test_list_of_sbd_is_not_in_the_devkit(tmp_path):
    root = tmp_path / 'VOC2012'
    found = check(root, ann_file=AUG)
    assert [p.what for p in found.problems] == ['data set', 'list']
    assert found.problems[1].where == f'{root}/{AUG} is missing'
    [item] = [i for i in read_catalogue(catalogue_file('voc12'), 'paper').items if i.copy]
    [url] = item.urls
    assert item.copy.endswith(AUG)
    assert found.problems[1].mend.startswith(f'fetch {url} (')
    assert found.problems[1].mend.endswith(f'as {root}/{AUG}')
    root.mkdir()
    assert check(root, ann_file=AUG).problems == found.problems[1:]


def test_masks_of_sbd_are_not_in_the_devkit(voc):
    (voc / AUG).parent.mkdir(parents=True, exist_ok=True)
    (voc / AUG).write_text('img_0\n')
    (voc / 'SegmentationClass/img_0.png').unlink()
    found = check(voc, ann_file=AUG)
    assert only(found).what == 'masks'
    assert f'voc_aug.py (in the folder .mim of the installed mmseg) on {voc.parent} and' in (
        only(found).mend
    )


@pytest.mark.parametrize(
    ('kind', 'place', 'ann_file', 'catalogue'),
    [
        ('VOC12WeakDataset', 'data/VOCdevkit/VOC2012', 'ImageSets/Segmentation/val.txt', 'voc12'),
        ('VOC12WeakDataset', 'data/VOCdevkit/VOC2012', AUG, 'voc12'),
        ('COCO14WeakDataset', 'data/coco2014', 'image_labels/val2014.csv', 'coco14'),
    ],
)
def test_what_a_catalogue_has_is_fetched_by_its_command(
    tmp_path, monkeypatch, kind, place, ann_file, catalogue
):
    monkeypatch.chdir(tmp_path)
    options = dict(data_root=place, ann_file=ann_file)
    command = f'qaclims reproduce {catalogue} --download-only fetches it'
    for problem in check_data_set(DataSet(kind, options, True)).problems:
        assert problem.mend.startswith(command)
        assert '{' not in problem.mend
    # the command would not write into another folder
    options['data_root'] = 'elsewhere'
    for problem in check_data_set(DataSet(kind, options, True)).problems:
        assert 'qaclims reproduce' not in problem.mend
        assert '{' not in problem.mend


def test_a_catalogue_fetches_nothing_into_a_data_set_that_is_there(voc, monkeypatch):
    monkeypatch.chdir(voc)
    (voc / 'data/VOCdevkit').mkdir(parents=True)
    (voc / 'data/VOCdevkit/VOC2012').symlink_to(voc)
    (voc / 'JPEGImages/img_0.jpg').unlink()
    found = check('data/VOCdevkit/VOC2012')
    assert only(found).what == 'images'
    assert 'qaclims reproduce' not in only(found).mend


def test_images_of_the_server_have_their_own_archive(voc):
    found = check(voc, ann_file='ImageSets/Segmentation/test.txt', labelled=False)
    assert only(found).what == 'list'
    assert 'VOC2012test.tar' in only(found).mend


def test_missing_list(voc):
    what, where, mend = only(check(voc, ann_file='val.txt'))
    assert (what, where) == ('list', f'{voc}/val.txt is missing')
    assert DEVKIT in mend


@pytest.mark.parametrize(
    ('content', 'message'),
    [('\n', 'train.txt lists no image'), ('img_0\nimg_0\nimg_1\n', '1 image stands twice')],
)
def test_list_of_nothing_or_of_doubles(voc, content, message):
    (voc / 'train.txt').write_text(content)
    what, where, mend = only(check(voc))
    assert what == 'list'
    assert message in where
    assert mend == f'correct {voc}/train.txt'


def test_missing_xml_names_list_and_line_and_images_are_looked_at(voc):
    (voc / 'Annotations/img_2.xml').unlink()
    (voc / 'JPEGImages/img_3.jpg').unlink()
    found = check(voc)
    labels, images = found.problems
    assert labels.where == (
        f'{voc}: 1 record has no usable labels:\n'
        '  train.txt:3: Annotations/img_2.xml is missing; give labels_file instead'
    )
    assert 'set labels_file of the plan to a CSV below data_root' in labels.mend
    assert images.where == f'{voc}: 1 image is missing, of the 4 in train.txt:\n' + (
        '  JPEGImages/img_3.jpg'
    )
    assert found.labels is None


def test_many_problems_are_shortened(voc):
    for path in (voc / 'Annotations').iterdir():
        path.unlink()
    header, *lines, last = only(check(voc)).where.splitlines()
    assert header.endswith('4 records have no usable labels:')
    assert len(lines) == 3
    assert last == '  ...'


def test_labels_file_without_a_row(voc):
    (voc / 'labels.csv').write_text('image,labels\nimg_0,dog\nimg_1,\nimg_2,cat\n')
    what, where, _ = only(check(voc, labels_file='labels.csv'))
    assert what == 'labels'
    assert 'train.txt:4: image img_3 has no row in labels.csv' in where


@pytest.mark.parametrize(
    'content',
    [None, 'picture,classes\n', 'image,labels\nimg_0,unicorn\n', b'\xff\xfe\x00', b'\0image'],
)
def test_broken_labels_file(voc, content):
    path = voc / 'labels.csv'
    path.unlink()
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    found = check(voc, labels_file='labels.csv')
    assert only(found).what == 'labels'
    assert found.missing == dict(images=0, masks=0)


def test_images_without_a_label(voc):
    (voc / 'labels.csv').write_text('image,labels\nimg_0,dog\nimg_1,\nimg_2,cat;dog\nimg_3,\n')
    found = check(voc, labels_file='labels.csv')
    assert found.labels == {'dog': 2, 'cat': 1}
    assert (found.images, found.unlabelled) == (4, 2)
    # those that are left out are not wanted
    (voc / 'JPEGImages/img_1.jpg').unlink()
    found = check(voc, labels_file='labels.csv', filter_cfg=dict(filter_empty_gt=True))
    assert found.problems == []
    assert (found.images, found.unlabelled) == (2, 2)


def test_paths_of_a_folder_without_a_root_stay_whole(voc):
    (voc / 'JPEGImages/img_1.jpg').unlink()
    options = dict(
        ann_file=str(voc / 'labels.csv'),
        classes=list(CLASSES[1:]),
        data_root='',
        data_prefix=dict(img_path=str(voc / 'JPEGImages')),
    )
    found = check_data_set(DataSet('FolderWeakDataset', options, masks=False))
    where = only(found).where.splitlines()
    assert where[0] == f'1 image is missing, of the 4 in {voc}/labels.csv:'
    assert where[1].startswith(f'  {voc}/JPEGImages/img_1')


def test_missing_images_and_masks(voc):
    for name in ('JPEGImages/img_1.jpg', 'SegmentationClass/img_0.png'):
        (voc / name).unlink()
    found = check(voc, full=True)
    assert [p.what for p in found.problems] == ['images', 'masks']
    assert found.missing == dict(images=1, masks=1)
    assert 'they are in JPEGImages of the devkit' in found.problems[0].mend
    assert '  SegmentationClass/img_0.png' in found.problems[1].where
    assert check(voc, masks=False).missing == dict(images=1)


def test_masks_of_trainaug_come_from_sbd(voc):
    (voc / 'train.txt').rename(voc / 'trainaug.txt')
    (voc / 'SegmentationClass/img_0.png').unlink()
    assert 'SegmentationClassAug' in only(check(voc, ann_file='trainaug.txt')).mend


def truncate(path):
    path.write_bytes(path.read_bytes()[:200])


def colour(path):
    Image.fromarray(np.zeros((32, 40, 3), np.uint8)).save(path)


@pytest.mark.parametrize(
    ('spoil', 'name', 'message'),
    [
        (truncate, 'JPEGImages/img_1.jpg', 'image JPEGImages/img_1.jpg cannot be read'),
        (truncate, 'SegmentationClass/img_1.png', 'img_1.png is not a readable mask'),
        (lambda p: write_mask(p, np.zeros((40, 32))), 'SegmentationClass/img_1.png', '32x40, but'),
        (lambda p: write_mask(p, np.full((32, 40), 21)), 'SegmentationClass/img_1.png', 'value 21'),
        (colour, 'SegmentationClass/img_1.png', 'its mode is RGB'),
        (lambda p: p.write_bytes(b''), 'JPEGImages/img_1.jpg', 'cannot be read'),
    ],
)
def test_files_that_cannot_be_used(voc, spoil, name, message):
    spoil(voc / name)
    assert check(voc).problems == []
    what, where, mend = only(check(voc, full=True))
    assert what == ('images' if name.endswith('.jpg') else 'masks')
    assert where.startswith(f'{voc}: 1 {what[:-1]} cannot be used, of the 4 in train.txt:\n')
    assert message in where
    if what == 'masks':
        assert 'of the size of its image with values from 0 to 20 and 255' in mend
        assert check(voc, masks=False, full=True).problems == []


def test_a_mask_that_is_missing_does_not_hide_a_bad_image(voc):
    truncate(voc / 'JPEGImages/img_1.jpg')
    (voc / 'SegmentationClass/img_1.png').unlink()
    assert [p.what for p in check(voc, full=True).problems] == ['masks', 'images']


def test_what_pillow_did_not_expect(voc, monkeypatch):
    def fail(self, results):
        raise MemoryError('too large')

    monkeypatch.setattr(check_dataset.LoadRGBImage, 'transform', fail)
    assert 'MemoryError: too large' in only(check(voc, full=True)).where


def test_arguments_that_the_class_does_not_take(voc):
    what, where, _ = only(check(voc, label_file='labels.csv'))
    assert what == 'data set'
    assert 'TypeError: ' in where
    assert "'label_file'" in where


def test_class_that_is_not_registered(voc):
    what, where, mend = only(check(voc, kind='MyDataset'))
    assert (what, where) == ('data set', 'MyDataset is not registered')
    assert 'custom_imports' in mend


def test_class_of_mmseg(voc):
    options = dict(
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
        img_suffix='.jpg',
        seg_map_suffix='.png',
        ann_file='train.txt',
    )
    found = check(voc, kind='BaseSegDataset', **options)
    assert (found.problems, found.images, found.labels) == ([], 4, None)
    (voc / 'JPEGImages/img_1.jpg').unlink()
    mend = 'put it there, or correct the path in the config'
    assert only(check(voc, kind='BaseSegDataset', **options)).mend == mend


# --- COCO and MiniWorld ---------------------------------------------------------------------------


@pytest.fixture
def coco(tmp_path):
    root = tmp_path / 'coco'
    for folder in ('annotations', 'train2014'):
        (root / folder).mkdir(parents=True)
    (root / 'annotations/instances_train2014.json').write_text(json.dumps(instances()))
    for name in 'ab':
        Image.fromarray(np.zeros((8, 9, 3), np.uint8)).save(root / f'train2014/{name}.jpg')
    return root


def check_coco(root, ann_file='image_labels/train2014.csv', **options):
    return check(root, 'COCO14WeakDataset', ann_file=ann_file, full=True, **options)


def test_coco_before_and_after_it_is_prepared(coco):
    what, where, mend = only(check_coco(coco))
    assert (what, where) == ('list', f'{coco}/image_labels/train2014.csv is missing')
    assert mend.startswith(f'qaclims prepare-coco --root {coco} (it reads {coco}/annot')
    assert 'annotations_trainval2014.zip' in mend
    prepare_split(coco, 'train2014')
    found = check_coco(coco)
    assert found.problems == []
    assert (found.images, found.unlabelled) == (2, 1)
    assert found.labels == dict(dog=1, car=1)


def test_coco_of_its_own_instances(coco):
    found = check_coco(coco, 'annotations/instances_train2014.json', masks=False)
    assert (found.problems, found.images) == ([], 2)


def test_coco_without_images_or_masks(coco):
    prepare_split(coco, 'train2014', masks=False)
    (coco / 'train2014/a.jpg').unlink()
    images, masks = check_coco(coco).problems
    assert images.mend == f'unpack http://images.cocodataset.org/zips/train2014.zip in {coco}'
    assert masks.where.startswith(f'{coco}: 2 masks are missing, of the 2 in image_labels/tra')
    assert masks.mend.startswith(f'qaclims prepare-coco --root {coco}')
    val = dict(img_path='val2014', seg_map_path='mask/val2014')
    images = check_coco(coco, data_prefix=val).problems[0]
    assert 'zips/val2014.zip' in images.mend


def test_coco_that_is_not_there(tmp_path):
    mend = only(check_coco(tmp_path / 'coco')).mend
    for part in ('train2014.zip', 'val2014.zip', 'annotations_trainval2014.zip'):
        assert part in mend
    assert mend.endswith(f'then run: qaclims prepare-coco --root {tmp_path}/coco')


def test_coco_of_broken_labels(coco):
    (coco / 'image_labels').mkdir()
    (coco / 'image_labels/train2014.csv').write_text('image,labels\na,doge\nb,dog\n')
    found = check_coco(coco, masks=False)
    assert only(found).what == 'labels'
    assert "'doge' of image a" in only(found).where
    assert found.missing == dict(images=0)
    (coco / 'image_labels/train2014.csv').write_text('image\n')
    assert check_coco(coco).missing == {}


@pytest.mark.parametrize('made', [False, True])
def test_miniworld_that_is_not_made(tmp_path, made):
    root = tmp_path / 'mini'
    if made:
        root.mkdir()
    what, where, mend = only(check(root, 'MiniWorldDataset'))
    assert what == 'data set'
    assert where.startswith(f'{root} holds no MiniWorld')
    assert mend == f'qaclims make-miniworld --root {root}'
