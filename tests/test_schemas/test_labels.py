import json
import os

import pytest

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas.labels import read_instances, read_labels, write_labels


def test_labels_come_back(tmp_path):
    labels = {'a': ['dog', 'dining table'], 'sub dir/ü': [], 'b': ['cat']}
    write_labels(tmp_path / 'labels.csv', labels)
    assert read_labels(tmp_path / 'labels.csv') == labels
    assert (tmp_path / 'labels.csv').read_text().splitlines()[1] == 'a,dog;dining table'


def test_what_spreadsheets_make_of_it(tmp_path):
    path = tmp_path / 'labels.csv'
    path.write_bytes(b'\xef\xbb\xbfimage,labels\r\na, dog ; cat;\r\nb,\r\n')
    assert read_labels(path) == {'a': ['dog', 'cat'], 'b': []}


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        (None, r'labels.csv is missing; it needs the columns image and labels'),
        ('image,label\na,dog\n', r"labels.csv:1 must have .* but got 'image', 'label'\."),
        ('', 'labels.csv:1 must have'),
        ('image,labels\na,dog\nb,\na,cat\n', "labels.csv:4: image 'a' stands twice"),
        ('image,labels\na,dog,cat\n', 'labels.csv:2: .* several labels are separated by ;'),
        ('image,labels\na,dog\nb\n', 'labels.csv:3: a row must have as many fields'),
        ('image,labels\n,dog\n', 'labels.csv:2: no image'),
        ('image,labels\na,"' + 'dog\n' * 50_000, r'labels\.csv:\d+: field larger than'),
        ('image,labels\na\n', 'labels.csv:2: a row must have as many fields'),
        ('[{"image": "a"}]', 'labels.csv:1 must have'),
        ('image,labels\na,"cat\ndog"\n', r'labels.csv:3: new-line .*; correct this row'),
        ('image,labels\na,"cat\rdog"\n', r'labels.csv:3: new-line .*; correct this row'),
        (f'image,labels\na,cat\n{"x" * 200_000},dog\n', 'labels.csv:3: field larger than'),
        (f'image,{"x" * 200_000}\n', 'labels.csv:1: field larger than'),
        (f'image,{"x" * 10_000}\n', r"but got 'image', 'x+\.\.\.x+'\.$"),
    ],
)
def test_bad_table(tmp_path, text, message):
    if text is not None:
        (tmp_path / 'labels.csv').write_text(text)
    with pytest.raises(FormatError, match=message):
        read_labels(tmp_path / 'labels.csv')


def test_table_in_another_encoding(tmp_path):
    (tmp_path / 'labels.csv').write_bytes('image,labels\nä,dog\n'.encode('latin1'))
    with pytest.raises(FormatError, match='is not UTF-8'):
        read_labels(tmp_path / 'labels.csv')


def test_a_table_that_is_no_file(tmp_path):
    os.mkfifo(tmp_path / 'pipe.csv')
    for name, problem in (('pipe.csv', 'is not a regular file'), ('', 'is a folder')):
        for read in (read_labels, read_instances):
            with pytest.raises(FormatError, match=problem):
                read(tmp_path / name)


def test_a_control_character_is_no_blank(tmp_path):
    (tmp_path / 'labels.csv').write_text('image,labels\n a\t, cat \t;dog\x1c;\u2028\n')
    assert read_labels(tmp_path / 'labels.csv') == {'a': ['cat', 'dog\x1c', '\u2028']}


def instances(**changes):
    square = dict(segmentation=[[1, 1, 1, 5, 5, 5, 5, 1]], area=16, iscrowd=0)
    content = dict(
        categories=[dict(id=18, name='dog'), dict(id=3, name='car')],
        images=[
            dict(id=7, file_name='b.jpg', height=8, width=9),
            dict(id=2, file_name='a.jpg', height=8, width=9),
        ],
        annotations=[
            dict(id=1, image_id=7, category_id=18, **square),
            dict(id=2, image_id=7, category_id=3, **square),
            dict(id=3, image_id=7, category_id=18, **square | dict(iscrowd=1)),
        ],
    )
    return content | changes


def test_labels_of_instances(tmp_path):
    (tmp_path / 'i.json').write_text(json.dumps(instances()))
    found = read_instances(tmp_path / 'i.json')
    assert found.labels() == {'a': [], 'b': ['dog', 'car']}
    assert [o['id'] for o in found.objects[7]] == [1, 2, 3]
    assert found.objects[2] == []


def bad(position, **changes):
    content = instances()
    content['annotations'][position] |= changes
    return content


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (None, 'is missing; unpack annotations_trainval2014.zip'),
        ('{"images": [', r'not a file of COCO instances \(JSONDecodeError'),
        ([], 'not a file of COCO instances'),
        ('[' * 200_000, r'not a file of COCO instances \(RecursionError'),
        (instances(images=[{}]), r"not a file of COCO instances \(KeyError: 'id'"),
        (dict(images=[], categories=[]), "KeyError: 'annotations'"),
        ('[' * 100_000, r'not a file of COCO instances \(RecursionError'),
        ('null', 'not a file of COCO instances'),
        (instances(images=None), 'not a file of COCO instances'),
        (instances(images={'a': 1}), 'not a file of COCO instances'),
        (instances(annotations=[1]), 'not a file of COCO instances'),
        (instances(annotations=['a']), 'not a file of COCO instances'),
        (instances(categories=[dict(id=[1], name='dog')]), 'not a file of COCO instances'),
        (instances(categories=[dict(id=1, name=None)]), r'TypeError: name is None\)'),
        (instances(images=[dict(id=1, file_name=7)]), r'TypeError: file_name is 7\)'),
        (instances(images=[dict(id=1, file_name=['a.jpg'])]), r'TypeError: file_name is \['),
        (
            bad(1, category_id=99),
            r'1 entry is unknown or double in .*\n  annotation 1 \(id 2\) has category_id 99',
        ),
        (bad(2, image_id=1), r'annotation 2 \(id 3\) has image_id 1'),
        (instances(images=instances()['images'] * 2), 'image with id 7\n'),
        (
            instances(
                images=[*instances()['images'], dict(id=9, file_name='a.jpg', height=8, width=9)]
            ),
            'image with file_name a.jpg',
        ),
    ],
)
def test_bad_instances(tmp_path, content, message):
    if content is not None:
        text = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / 'i.json').write_text(text)
    with pytest.raises(FormatError, match=message):
        read_instances(tmp_path / 'i.json')
