import numpy as np
import pytest
from helpers import make_tiny_voc
from PIL import Image

from qaclims_mm.datasets.voc12 import VOC12WeakDataset
from qaclims_mm.errors import DataError, FormatError, RecordError

PACK = [
    dict(type='LoadRGBImage'),
    dict(type='LoadMask'),
    dict(type='PackWeakInputs'),
]


def build(root, **changes):
    options = dict(data_root=str(root), ann_file='train.txt', pipeline=PACK, test_mode=True)
    return VOC12WeakDataset(**options | changes)


def test_labels_of_xml_and_of_a_file_agree(tmp_path):
    make_tiny_voc(tmp_path)
    from_xml, from_csv = build(tmp_path), build(tmp_path, labels_file='labels.csv')
    for a, b in zip(from_xml.iterate_records(), from_csv.iterate_records(), strict=True):
        assert a['class_indices'] == b['class_indices']
        assert a['label_names'] == b['label_names']


def test_sample(tmp_path):
    make_tiny_voc(tmp_path)
    dataset = build(tmp_path)
    assert dataset.image_ids() == ['img_0', 'img_1', 'img_2', 'img_3']
    packed = dataset[1]
    sample = packed['data_samples']
    assert packed['inputs'].shape == (3, 32, 40)
    assert packed['inputs'].dtype.is_floating_point is False
    assert sample.label_names == ('dining table', 'person')
    assert sample.class_indices.tolist() == [10, 14]
    assert sample.image_labels.nonzero().flatten().tolist() == [10, 14]
    assert sample.gt_sem_seg.data.shape == (1, 32, 40)
    assert sample.ori_shape == (32, 40)


def test_rgb_order(tmp_path):
    make_tiny_voc(tmp_path)
    Image.fromarray(np.full((32, 40, 3), (200, 100, 0), np.uint8)).save(
        tmp_path / 'JPEGImages/img_0.jpg', quality=100
    )
    channels = build(tmp_path)[0]['inputs'].float().mean((1, 2))
    assert channels[0] > 190
    assert channels[2] < 10


def test_scales(tmp_path):
    make_tiny_voc(tmp_path)
    pipeline = [PACK[0], dict(type='PackWeakInputs', scales=(1.0, 0.5, 1.5))]
    shapes = [tuple(x.shape) for x in build(tmp_path, pipeline=pipeline)[0]['inputs']]
    assert shapes == [(3, 32, 40), (3, 16, 20), (3, 48, 60)]


def test_unknown_label_names_list_line_and_image(tmp_path):
    make_tiny_voc(tmp_path)
    (tmp_path / 'labels.csv').write_text(
        'image,labels\nimg_0,dog\nimg_1,unicorn\nimg_2,\nimg_3,cat\n'
    )
    with pytest.raises(DataError, match=r"train.txt:2: label 'unicorn' of image img_1 is none of"):
        build(tmp_path, labels_file='labels.csv')


def test_image_without_a_row(tmp_path):
    make_tiny_voc(tmp_path)
    (tmp_path / 'labels.csv').write_text('image,labels\nimg_0,dog\n')
    with pytest.raises(DataError, match=r'3 records.*\n.*image img_1 has no row in labels.csv'):
        build(tmp_path, labels_file='labels.csv')


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('picture,classes\n', r'labels.csv:1 must have the columns image and labels'),
        (None, 'labels.csv is missing'),
    ],
)
def test_bad_labels_file(tmp_path, content, message):
    make_tiny_voc(tmp_path)
    (tmp_path / 'labels.csv').unlink()
    if content:
        (tmp_path / 'labels.csv').write_text(content)
    with pytest.raises(FormatError, match=message):
        build(tmp_path, labels_file='labels.csv')


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (None, 'img_2.xml is missing'),
        (
            '<a><object><name>ca\ufffdt</name></object></a>',
            r"label 'ca.t' of image img_2 is none",
        ),
    ],
)
def test_bad_xml(tmp_path, content, message):
    make_tiny_voc(tmp_path)
    path = tmp_path / 'Annotations/img_2.xml'
    path.unlink()
    if content:
        path.write_text(content, encoding='utf-8')
    with pytest.raises(DataError, match=message):
        build(tmp_path)


@pytest.mark.parametrize('content', [b'', b'<a', b'<a>ca\0t</a>', b'\xff\xfe\x00'])
def test_xml_that_cannot_be_parsed_is_a_bad_record(tmp_path, content):
    make_tiny_voc(tmp_path)
    (tmp_path / 'Annotations/img_2.xml').write_bytes(content)
    reason = f'{tmp_path}/Annotations/img_2.xml is not valid XML ('
    for options in ({}, dict(filter_cfg=dict(filter_empty_gt=True))):
        failed = [
            dict(s['data_samples'].metainfo).get('failed') for s in build(tmp_path, **options)
        ]
        assert [bool(reason) for reason in failed] == [False, False, True, False]
        assert failed[2].startswith(reason)
    with pytest.raises(RecordError, match=r'img_2\.xml is not valid XML'):
        build(tmp_path, strict=True)[2]
    taken = build(tmp_path, test_mode=False)[2]['data_samples']
    assert taken.image_id == 'img_3'
    assert taken.failed_records[0][0] == 'img_2'
    for path in (tmp_path / 'Annotations').iterdir():
        path.write_bytes(content)
    with pytest.raises(DataError, match=r'4 records have no usable labels:\n.*img_0\.xml'):
        build(tmp_path)


def test_lists_of_other_editors(tmp_path):
    make_tiny_voc(tmp_path)
    ids = build(tmp_path).image_ids()
    path = tmp_path / 'train.txt'
    path.write_bytes(b'\xef\xbb\xbf' + '\r\n'.join(ids).encode())
    assert build(tmp_path).image_ids() == ids
    path.write_bytes('img_\xe9'.encode('cp1252'))
    with pytest.raises(FormatError, match=r'train\.txt is not UTF-8 \(.*; save it as such\.$'):
        build(tmp_path)


def test_missing_and_empty_list(tmp_path):
    make_tiny_voc(tmp_path)
    with pytest.raises(FormatError, match=r'absent.txt is missing'):
        build(tmp_path, ann_file='absent.txt')
    (tmp_path / 'empty.txt').write_text('\n')
    with pytest.raises(FormatError, match='lists no image'):
        build(tmp_path, ann_file='empty.txt')


def test_image_that_stands_twice(tmp_path):
    make_tiny_voc(tmp_path)
    (tmp_path / 'train.txt').write_text('img_1\nimg_0\nimg_1\n')
    with pytest.raises(FormatError, match=r'1 image stands twice in .*train.txt:\n  img_1'):
        build(tmp_path)


def test_image_without_label_is_kept(tmp_path):
    make_tiny_voc(tmp_path)
    (tmp_path / 'labels.csv').write_text('image,labels\nimg_0,dog\nimg_1,\nimg_2,cat\nimg_3,cat\n')
    sample = build(tmp_path, labels_file='labels.csv')[1]['data_samples']
    assert sample.class_indices.shape == (0,)
    assert sample.image_labels.sum() == 0


BAD_FILES = [
    ('JPEGImages/img_1.jpg', b'', r'image .*img_1.jpg cannot be read'),
    ('JPEGImages/img_1.jpg', None, r'image .*img_1.jpg is missing'),
    ('SegmentationClass/img_1.png', b'\x89PNG', r'img_1.png is not a readable mask'),
    ('SegmentationClass/img_1.png', None, r'mask .*img_1.png of image img_1 is missing'),
]


@pytest.mark.parametrize(('name', 'content', 'message'), BAD_FILES)
def test_bad_file_is_listed_in_a_test_run(tmp_path, name, content, message):
    make_tiny_voc(tmp_path)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    dataset = build(tmp_path)
    sample = dataset[1]['data_samples']
    assert sample.image_id == 'img_1'
    with pytest.raises(AssertionError):  # the other images are good
        assert dataset[0]['data_samples'].get('failed')
    import re

    assert re.search(message, sample.failed)


def test_truncated_image(tmp_path):
    make_tiny_voc(tmp_path, size=(200, 200))
    path = tmp_path / 'JPEGImages/img_1.jpg'
    path.write_bytes(path.read_bytes()[:800])
    assert 'cannot be read' in build(tmp_path)[1]['data_samples'].failed


def test_mask_of_another_size(tmp_path):
    make_tiny_voc(tmp_path)
    Image.fromarray(np.zeros((10, 20), np.uint8)).save(tmp_path / 'SegmentationClass/img_1.png')
    failed = build(tmp_path)[1]['data_samples'].failed
    assert 'has size 20x10, but its image 40x32' in failed


def test_strict_stops_at_once(tmp_path):
    make_tiny_voc(tmp_path)
    (tmp_path / 'JPEGImages/img_1.jpg').unlink()
    with pytest.raises(RecordError, match=r'img_1.jpg is missing'):
        build(tmp_path, strict=True)[1]


def test_in_training_the_next_record_takes_the_place(tmp_path):
    make_tiny_voc(tmp_path)
    (tmp_path / 'JPEGImages/img_1.jpg').unlink()
    sample = build(tmp_path, test_mode=False)[1]['data_samples']
    assert sample.image_id == 'img_2'
    [(image_id, reason)] = sample.failed_records
    assert image_id == 'img_1'
    assert 'is missing' in reason


def test_all_records_bad(tmp_path):
    make_tiny_voc(tmp_path)
    for path in (tmp_path / 'JPEGImages').iterdir():
        path.unlink()
    with pytest.raises(DataError, match='4 records are bad, and none is left'):
        build(tmp_path, test_mode=False)[0]


def test_images_of_a_test_server_need_no_labels(tmp_path, caplog):
    make_tiny_voc(tmp_path)
    (tmp_path / 'Annotations/img_0.xml').unlink()
    dataset = build(tmp_path, labelled=False, pipeline=[PACK[0], PACK[2]])
    assert dataset.image_ids() == ['img_0', 'img_1', 'img_2', 'img_3']
    assert dataset[0]['data_samples'].class_indices.tolist() == []
    assert 'have no label' not in caplog.text


def test_ids_stay_below_their_folder(tmp_path):
    root = tmp_path / 'voc'
    make_tiny_voc(root)
    (root / 'Annotations/img_0.xml').rename(tmp_path / 'outside.xml')
    (root / 'train.txt').write_text('..\nimg_1\n')
    with pytest.raises(DataError, match=r"train.txt:1: image_id must be a path .* got '\.\.'"):
        build(root)
