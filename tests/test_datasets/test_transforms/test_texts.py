import numpy as np
import pytest
from helpers import make_tiny_voc

from qaclims_mm.datasets.transforms.texts import LoadTextRows
from qaclims_mm.datasets.voc12 import VOC12WeakDataset
from qaclims_mm.errors import DataError, FormatError, RecordError
from qaclims_mm.schemas import write_text_bank

INDEX = [
    ('img_0', 'dog', 0, [1, 2], [3], 4),
    ('img_1', 'dining table', 5, [], [3, 1, 2], 6),
    ('img_1', 'person', 7, [8], [], 9),
    ('img_2', 'cat', 10, [1], [2], 3),
    ('img_2', 'dog', 0, [2], [1], 4),
    ('img_3', 'train', 11, [1], [2], 3),
]


def make_bank(folder, index=INDEX, **metadata):
    names = ('image_id', 'class_name', 'label', 'fg', 'bg', 'no')
    columns = dict(zip(names, map(list, zip(*index, strict=True)), strict=True))
    write_text_bank(folder, np.eye(12), [f'text {i}' for i in range(12)], columns, metadata)
    return str(folder)


def test_rows_of_an_image(tmp_path):
    transform = LoadTextRows(make_bank(tmp_path))
    results = transform.transform(dict(image_id='img_1', label_names=('dining table', 'person')))
    assert results['fg_rows'].tolist() == [[-1, -1, 5], [8, -1, 7]]
    assert results['bg_rows'].tolist() == [[3, 1, 2], [-1, -1, -1]]
    assert results['no_rows'].tolist() == [[6], [9]]
    assert {results[k].dtype for k in ('fg_rows', 'bg_rows', 'no_rows')} == {np.dtype('int64')}


def test_image_without_a_class(tmp_path):
    transform = LoadTextRows(make_bank(tmp_path))
    results = transform.transform(dict(image_id='none', label_names=()))
    assert results['fg_rows'].shape == (0, 3)
    assert results['bg_rows'].shape == (0, 3)
    assert results['no_rows'].shape == (0, 1)


def make_dataset(root, bank, **options):
    pipeline = [
        dict(type='LoadRGBImage'),
        dict(type='LoadTextRows', text_bank=bank),
        dict(type='PackWeakInputs'),
    ]
    return VOC12WeakDataset(data_root=str(root), ann_file='train.txt', pipeline=pipeline, **options)


def test_dataset_with_texts(tmp_path):
    make_tiny_voc(tmp_path)
    sample = make_dataset(tmp_path, make_bank(tmp_path / 'bank'))[1]['data_samples']
    assert sample.label_names == ('dining table', 'person')
    assert sample.fg_rows.tolist() == [[-1, -1, 5], [8, -1, 7]]


def test_bank_of_other_images_is_refused_when_the_dataset_is_opened(tmp_path):
    make_tiny_voc(tmp_path)
    bank = make_bank(tmp_path / 'bank', [INDEX[0], INDEX[1], INDEX[5]])
    with pytest.raises(
        DataError,
        match=r'^2 images have a class without texts in \S+bank:\n  img_1: person\n  img_2: cat\n'
        r'Run the qape stage on the same images and labels, then qaclims encode-texts\.$',
    ):
        make_dataset(tmp_path, bank)


def test_images_that_the_corpus_could_not_read_are_bad_records(tmp_path):
    make_tiny_voc(tmp_path)
    index = [r for r in INDEX if r[0] not in ('img_1', 'img_2')]
    bank = make_bank(tmp_path / 'bank', index, failed='img_1\nimg_2')
    sample = make_dataset(tmp_path, bank)[1]['data_samples']
    assert sample.image_id == 'img_3'
    assert [i for i, _ in sample.failed_records] == ['img_1', 'img_2']
    with pytest.raises(
        RecordError,
        match=r"^\S+bank has no texts for \('img_1', 'dining table'\); run the qape stage again$",
    ):
        make_dataset(tmp_path, bank, strict=True)[1]


def test_no_bank(tmp_path):
    with pytest.raises(
        FormatError, match=r'is missing; make the text bank with qaclims encode-text'
    ):
        LoadTextRows(str(tmp_path / 'absent'))
