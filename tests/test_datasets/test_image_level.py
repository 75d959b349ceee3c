import re

import numpy as np
import pytest
import torch
from mmcv.transforms import BaseTransform, LoadImageFromFile
from mmengine.logging import MMLogger

from qaclims_mm.datasets.image_level import ImageLevelDataset
from qaclims_mm.datasets.transforms.formatting import PackWeakInputs
from qaclims_mm.errors import DataError, FormatError, RecordError


class Draw(BaseTransform):
    """Makes an image, or fails for those that are bad; remembers what it checked."""

    def __init__(self, bad=()):
        self.bad, self.checked = bad, None

    def check_records(self, records):
        self.checked = [r['image_id'] for r in records]

    def transform(self, results):
        if results['image_id'] in self.bad:
            raise RecordError(f'{results["image_id"]} is bad')
        shape = dict(img_shape=(2, 3), ori_shape=(2, 3))
        return results | dict(img=np.zeros((2, 3, 3), np.uint8)) | shape


class Toy(ImageLevelDataset):
    METAINFO = dict(classes=('background', 'cat', 'dining table', 'dog'))
    LABELS = dict(d=['dog', 'cat'], a=['diningtable'], c=['dog', 'dog'], b=[])

    def load_data_list(self):
        return [self.make_record(i, f'{i}.jpg', None, names) for i, names in self.LABELS.items()]


def make(bad=(), serialize_data=False, **options):
    # mmengine collects garbage for 0.2 s to serialise a dataset
    pipeline = [Draw(bad), PackWeakInputs()]
    return Toy(pipeline=pipeline, serialize_data=serialize_data, **options)


def test_records():
    dataset = make()
    assert dataset.class_names == ('cat', 'dining table', 'dog')
    assert dataset.image_ids() == ['a', 'b', 'c', 'd']
    assert [r['class_indices'] for r in dataset.iterate_records()] == [[1], [], [2], [0, 2]]
    assert [r['label_names'] for r in dataset.iterate_records()] == [
        ('dining table',),
        (),
        ('dog',),
        ('cat', 'dog'),
    ]
    assert {r['num_classes'] for r in dataset.iterate_records()} == {3}


def test_unknown_label():
    with pytest.raises(
        ValueError,
        match=r"^label 'cow' of image x is none of the 3 classes \(cat, dining table, dog, \.\.\.\)"
        r"; correct the label or add it to the data set's classes\.$",
    ):
        make().make_record('x', 'x.jpg', None, ['cat', 'cow'])


def test_transforms_check_all_records_when_the_dataset_is_opened():
    dataset = make(lazy_init=True)
    draw = dataset.pipeline.transforms[0]
    assert draw.checked is None
    dataset.full_init()
    assert draw.checked == ['a', 'b', 'c', 'd']
    draw.checked = None
    dataset.full_init()
    assert draw.checked is None


def test_images_without_label_are_counted_in_the_log(tmp_path):
    logger = MMLogger.get_instance('unlabelled', log_file=str(tmp_path / 'log'))
    logger.setLevel('INFO')
    make()
    for handler in logger.handlers:
        handler.flush()
    assert re.search(
        r'without a label: 1 of 4 images \(first: b\); such an image trains the area loss',
        (tmp_path / 'log').read_text(),
    )


def test_images_that_stand_twice():
    class Twice(Toy):
        def load_data_list(self):
            return 2 * super().load_data_list()[:2]

    with pytest.raises(FormatError, match=r'^2 images stand twice in .*:\n  a\n  d$'):
        Twice(ann_file='list.txt', pipeline=[])


def test_failed_sample():
    sample = make(bad='c', test_mode=True)[2]
    assert sample['inputs'].shape == (3, 1, 1)
    assert sample['inputs'].dtype == torch.uint8
    packed = sample['data_samples']
    assert packed.failed == 'c is bad'
    assert packed.metainfo == dict(
        image_id='c', img_path='c.jpg', label_names=('dog',), failed='c is bad'
    )
    assert packed.image_labels.tolist() == [0, 0, 0]
    assert packed.class_indices.dtype == torch.int64
    assert packed.class_indices.shape == (0,)


@pytest.mark.parametrize(
    ('bad', 'index', 'found', 'failures'),
    [
        ('', 1, 'b', None),
        ('b', 1, 'c', [('b', 'b is bad')]),
        # past the last record the first follows
        ('cd', 2, 'a', [('c', 'c is bad'), ('d', 'd is bad')]),
        ('abc', 0, 'd', [(i, f'{i} is bad') for i in 'abc']),
    ],
)
def test_in_training_the_next_good_record_takes_the_place(bad, index, found, failures):
    sample = make(bad)[index]['data_samples']
    assert sample.image_id == found
    assert sample.get('failed_records') == failures


@pytest.mark.parametrize('serialize_data', [True, False])
def test_iterating_ends(serialize_data):
    dataset = make(serialize_data=serialize_data)
    ids = [sample['data_samples'].image_id for _, sample in zip(range(10), dataset, strict=False)]
    assert ids == ['a', 'b', 'c', 'd']


def test_all_records_are_bad():
    with pytest.raises(
        DataError, match=r'^4 records are bad, and none is left:\n  b: b is bad\n  c: c is'
    ):
        make('abcd')[1]


@pytest.mark.parametrize('test_mode', [True, False])
def test_strict(test_mode):
    dataset = make('b', strict=True, test_mode=test_mode)
    assert dataset[0]['data_samples'].image_id == 'a'
    with pytest.raises(RecordError, match=r'^b is bad$'):
        dataset[1]


def test_a_bug_is_not_taken_for_a_bad_record():
    dataset = make(test_mode=True)
    dataset.pipeline.transforms[0].bad = None
    with pytest.raises(TypeError):
        dataset[0]


@pytest.mark.parametrize('image_id', ['/x', '../x', 'a//b', 'a\0', ''])
def test_ids_stay_below_their_folder(image_id):
    with pytest.raises(ValueError, match=r'^image .+ cannot be used: it'):
        make().make_record(image_id, 'x.jpg', None, ['cat'])


@pytest.mark.parametrize('content', [None, b'', b'\x89PNG\r\n\x1a\nbroken'])
def test_an_image_that_the_loading_of_mmcv_cannot_read_is_a_bad_record(tmp_path, content):
    class OneImage(Toy):
        def load_data_list(self):
            return [self.make_record('a', str(tmp_path / 'a.png'), None, ['cat'])]

    if content is not None:
        (tmp_path / 'a.png').write_bytes(content)
    load = LoadImageFromFile(imdecode_backend='pillow')
    dataset = OneImage(pipeline=[load, PackWeakInputs()], test_mode=True, serialize_data=False)
    reason = dataset[0]['data_samples'].failed
    what = 'is missing' if content is None else r'cannot be read \(.*\); replace it'
    assert re.match(rf'image {tmp_path}/a\.png {what}', reason)
