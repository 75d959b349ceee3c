import json

import numpy as np
import pytest
from PIL import Image
from test_schemas.test_labels import instances
from tiny_runs import ROOT

from qaclims_mm.datasets.coco14 import CLASSES, COCO14WeakDataset
from qaclims_mm.engine.config import read_config
from qaclims_mm.errors import DataError, FormatError
from qaclims_mm.registry import DATASETS
from qaclims_mm.schemas import write_mask
from qaclims_mm.schemas.labels import write_labels

PIPELINE = [dict(type='LoadRGBImage'), dict(type='LoadMask'), dict(type='PackWeakInputs')]


@pytest.fixture
def root(tmp_path):
    for folder in ('annotations', 'train2014'):
        (tmp_path / folder).mkdir()
    (tmp_path / 'annotations/instances_train2014.json').write_text(json.dumps(instances()))
    write_labels(tmp_path / 'image_labels/train2014.csv', dict(a=[], b=['dog', 'car']))
    for name in 'ab':
        Image.fromarray(np.zeros((8, 9, 3), np.uint8)).save(tmp_path / f'train2014/{name}.jpg')
        write_mask(tmp_path / f'mask/train2014/{name}.png', np.full((8, 9), 80))
    return tmp_path


def build(root, ann_file='image_labels/train2014.csv', **changes):
    options = dict(data_root=str(root), ann_file=ann_file, pipeline=PIPELINE, test_mode=True)
    return COCO14WeakDataset(**options | changes)


def test_classes_are_those_of_the_released_code():
    assert len(CLASSES) == 81
    assert CLASSES[1] == 'person'
    assert CLASSES[80] == 'toothbrush'
    # ids 1 to 90 with ten gaps, in the same order
    assert [CLASSES[i] for i in (12, 40, 61, 63)] == [
        'stop sign',
        'bottle',
        'dining table',
        'tv',
    ]


def test_table_and_instances_give_the_same_records(root):
    table = list(build(root).iterate_records())
    assert table == list(build(root, 'annotations/instances_train2014.json').iterate_records())
    assert table[1]['label_names'] == ('car', 'dog')


def test_sample(root):
    sample = build(root)[1]['data_samples']
    assert sample.class_indices.tolist() == [2, 16]
    assert sample.image_labels.shape == (80,)
    assert sample.gt_sem_seg.data.unique().tolist() == [80]


def test_images_without_a_label_stay_unless_they_are_filtered(root):
    assert build(root).image_ids() == ['a', 'b']
    assert build(root)[0]['data_samples'].class_indices.shape == (0,)
    assert build(root, filter_cfg=dict(filter_empty_gt=True)).image_ids() == ['b']


def test_images_of_a_test_server(root):
    assert [r['class_indices'] for r in build(root, labelled=False).iterate_records()] == [[], []]


def test_labels_that_are_no_class_are_named_at_once(root):
    write_labels(root / 'image_labels/train2014.csv', dict(a=['doge'], b=['dog'], c=['cta']))
    with pytest.raises(DataError, match=r"(?s)2 records.*'doge' of image a.*'cta' of image c"):
        build(root)


def test_missing_table_names_the_tool(root):
    with pytest.raises(FormatError, match=r'run: qaclims prepare-coco --root'):
        build(root, 'image_labels/val2014.csv')


def test_list_of_no_image(root):
    write_labels(root / 'image_labels/train2014.csv', {})
    with pytest.raises(FormatError, match='lists no image'):
        build(root)


def test_labels_of_another_table(root):
    write_labels(root / 'mine.csv', dict(a=['cat'], b=['dog'], c=['cow']))
    records = list(build(root, labels_file='mine.csv').iterate_records())
    assert [r['label_names'] for r in records] == [('cat',), ('dog',)]
    write_labels(root / 'mine.csv', dict(a=['cat']))
    with pytest.raises(DataError, match=r'1 image has no row in \S+mine.csv:\n  b'):
        build(root, labels_file='mine.csv')


def test_labels_file_of_voc_does_not_reach_coco(tmp_path):
    configs = ROOT / 'configs'
    voc = configs / 'cam/cam_r50_2xb8-5e_voc12aug-512x512.py'
    (tmp_path / 'voc.py').write_text(
        f"_base_ = '{voc}'\ntrain_dataloader = dict(dataset=dict(labels_file='labels.csv'))\n"
    )
    (tmp_path / 'coco.py').write_text(
        f"_base_ = ['./voc.py', '{configs}/_base_/datasets/coco14.py']\n"
        'train_dataloader = dict(dataset=_base_.coco14_train)\n'
    )
    dataset = read_config(tmp_path / 'coco.py').train_dataloader.dataset
    DATASETS.build({**dataset, 'lazy_init': True, 'pipeline': []})
    assert dataset.labels_file is None


def test_ids_stay_below_their_folder(root):
    write_labels(root / 'image_labels/train2014.csv', {'../x': ['dog'], 'b': ['dog']})
    with pytest.raises(DataError, match=r"got '\.\./x': its path has the part '\.\.'"):
        build(root)
