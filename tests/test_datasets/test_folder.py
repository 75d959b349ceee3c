from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from qaclims_mm.datasets.folder import FolderWeakDataset
from qaclims_mm.errors import ConfigError, DataError, FormatError
from qaclims_mm.registry import DATASETS
from qaclims_mm.schemas import write_mask
from qaclims_mm.schemas.labels import write_labels
from qaclims_mm.schemas.project import ProjectTables, with_gap, write_project_tables

PACK = [dict(type='LoadRGBImage'), dict(type='PackWeakInputs')]
LABELS = {'a.jpg': ['cat'], 'été 1/b.PNG': ['dog', 'potted plant'], 'c d.tif': []}


@pytest.fixture
def root(tmp_path):
    for name in LABELS:
        path = tmp_path / 'pictures' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (40, 30)).save(path)
    write_labels(tmp_path / 'labels.csv', LABELS)
    return tmp_path


def build(root, **changes):
    options = dict(
        type='FolderWeakDataset',
        data_root=str(root),
        data_prefix=dict(img_path='pictures'),
        ann_file='labels.csv',
        classes=['cat', 'dog', 'potted plant'],
        pipeline=PACK,
        test_mode=True,
    )
    return DATASETS.build(options | changes)


def test_records(root):
    dataset = build(root)
    assert isinstance(dataset, FolderWeakDataset)
    assert dataset.image_ids() == ['a', 'c d', 'été 1/b']
    records = {r['image_id']: r for r in dataset.iterate_records()}
    assert records['été 1/b']['label_names'] == ('dog', 'potted plant')
    assert records['été 1/b']['img_path'] == str(root / 'pictures/été 1/b.PNG')
    assert records['c d']['class_indices'] == []
    assert records['a']['seg_map_path'] is None
    assert dataset.metainfo['classes'] == ('background', 'cat', 'dog', 'potted plant')
    assert len(dataset.metainfo['palette']) == 4
    sample = dataset[2]['data_samples']
    assert sample.class_indices.tolist() == [1, 2]
    assert sample.ori_shape == (30, 40)


def test_suffixes_may_be_left_out(root):
    write_labels(root / 'short.csv', {'a': ['cat'], 'été 1/b': ['dog'], 'c d': []})
    found = list(build(root, ann_file='short.csv').iterate_records())
    assert [r['img_path'] for r in found] == [
        str(root / 'pictures' / name) for name in ('a.jpg', 'c d.tif', 'été 1/b.PNG')
    ]


def test_absolute_paths(root):
    write_labels(root / 'own.csv', {str(root / 'pictures/a.jpg'): ['cat'], '../pictures/c d': []})
    found = list(build(root, ann_file='own.csv').iterate_records())
    assert [(r['image_id'], r['img_path']) for r in found] == [
        (Path(name).stem, str(root / 'pictures' / name)) for name in ('a.jpg', 'c d.tif')
    ]


def test_masks(root):
    write_mask(root / 'masks/été 1/b.png', np.full((30, 40), 2))
    prefix = dict(img_path='pictures', seg_map_path='masks')
    pipeline = [PACK[0], dict(type='LoadMask'), PACK[1]]
    dataset = build(root, data_prefix=prefix, pipeline=pipeline)
    assert (dataset[2]['data_samples'].gt_sem_seg.data == 2).all()
    assert 'mask' in dataset[0]['data_samples'].failed


@pytest.mark.parametrize('count', [1, 1000])
def test_any_number_of_classes(root, count):
    classes = with_gap([f'kind {i}' for i in range(count)])
    assert len(classes) == count + (count > 254)
    write_labels(root / 'labels.csv', {'a.jpg': [classes[-1]]})
    dataset = build(root, classes=classes)
    assert dataset[0]['data_samples'].class_indices.tolist() == [len(classes) - 1]
    assert dataset[0]['data_samples'].image_labels.shape == (len(classes),)


def test_a_missing_image_is_a_bad_record(root):
    write_labels(root / 'labels.csv', {'a.jpg': ['cat'], 'gone.jpg': ['dog'], 'no/where': ['dog']})
    failed = [build(root)[i]['data_samples'].get('failed') for i in range(3)]
    assert failed[0] is None
    assert 'gone.jpg is missing' in failed[1]
    assert 'where is missing' in failed[2]


@pytest.mark.parametrize(
    ('labels', 'kind', 'message'),
    [
        (
            {'a.jpg': ['cow']},
            DataError,
            r"labels.csv, image 1: label 'cow' of image a is none of the 3 classes",
        ),
        ({'../a.jpg': ['cat']}, DataError, r'image \.\./a\.jpg is not below \S+pictures'),
        ({'a.jpg': [], 'a': []}, FormatError, r'1 image stands twice'),
        ({}, FormatError, 'lists no image'),
    ],
)
def test_bad_tables(root, labels, kind, message):
    write_labels(root / 'labels.csv', labels)
    with pytest.raises(kind, match=message):
        build(root)


def test_two_files_of_one_name(root):
    Image.new('RGB', (4, 3)).save(root / 'pictures/a.png')
    write_labels(root / 'labels.csv', {'a': ['cat']})
    with pytest.raises(DataError, match=r'image a is one of a\.jpg, a\.png; say which'):
        build(root)


@pytest.mark.parametrize(
    ('classes', 'message'),
    [
        ([], 'must be at least one class'),
        (['cat', 'cat'], "class 'cat' stands twice"),
        (['a b', 'ab'], "class 'ab' and 'a b' differ in blanks alone"),
        (['cat', ' '], 'a class has an empty name'),
    ],
)
def test_bad_classes(root, classes, message):
    with pytest.raises(ConfigError, match=message):
        build(root, classes=classes)


def test_the_number_of_classes_is_that_of_the_config(root):
    number = len(build(root).class_names)
    assert len(build(root, num_classes=number).class_names) == number
    for other in (0, number - 1, number + 1):
        message = rf'has {number} classes, but the config is for {other}\. Correct num_classes'
        with pytest.raises(DataError, match=message):
            build(root, num_classes=other)


@pytest.mark.parametrize('image', ['.', './', 'sub/..'])
def test_the_folder_is_no_image(root, image):
    write_labels(root / 'labels.csv', {image: ['cat']})
    with pytest.raises(DataError, match='is the folder of the images, not an image'):
        build(root)


def test_a_class_whose_masks_would_not_count(root):
    with pytest.raises(ConfigError, match=r"at index 254 must be \(nobody\), but is 'kind 254'"):
        build(root, classes=[f'kind {i}' for i in range(255)])


def test_masks_of_many_classes(root):
    classes = with_gap([f'kind {i}' for i in range(300)])
    write_labels(root / 'labels.csv', {'a.jpg': [classes[300]]})
    write_mask(root / 'masks/a.png', np.full((30, 40), 301))
    prefix = dict(img_path='pictures', seg_map_path='masks')
    pipeline = [PACK[0], dict(type='LoadMask'), PACK[1]]
    dataset = build(root, data_prefix=prefix, pipeline=pipeline, classes=classes)
    assert (dataset[0]['data_samples'].gt_sem_seg.data == 301).all()


def test_another_number_of_classes_in_a_project_names_the_run(root):
    project = root / 'a project'
    project.mkdir()
    write_project_tables(project, ProjectTables(root / 'pictures', ['cat', 'dog']))
    write_labels(project / 'labels.csv', {'a.jpg': ['cat']})
    options = dict(type='FolderWeakDataset', project=str(project), pipeline=[], num_classes=3)
    message = rf"2 classes, but the config is for 3\. If .* run: qaclims run '{project}'; if a"
    with pytest.raises(DataError, match=message):
        DATASETS.build(options)
