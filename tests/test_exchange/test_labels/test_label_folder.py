import json

import pytest
from PIL import Image

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.labels.reading import read_source

VOC = '<annotation><object><name>voc</name></object></annotation>'
CVAT = '<annotations><image name="a.jpg"><tag label="cvat"/></image></annotations>'
LABELME = json.dumps(dict(shapes=[dict(label='labelme')], imagePath='a.jpg'))
COCO = json.dumps(
    dict(
        images=[dict(id=1, file_name='a.jpg')],
        categories=[dict(id=1, name='coco')],
        annotations=[dict(image_id=1, category_id=1)],
    )
)
FOLDERS = {
    'voc': ({'a.xml': VOC}, 'voc'),
    'voc in folders': ({'x/y/a.xml': VOC, '.hidden/b.xml': VOC}, 'voc'),
    'cvat': ({'annotations.xml': CVAT, 'images/a.jpg.aux.xml': '<PAMDataset/>'}, 'cvat'),
    'labelme': ({'a.json': LABELME, 'sub/other.txt': 'text'}, 'labelme'),
    'yolo': (
        {'labels/a.txt': '0 1 1 1 1', 'classes.txt': 'yolo', 'notes.json': '{"categories":[]}'},
        'yolo',
    ),
    'coco': ({'annotations/instances_default.json': COCO}, 'coco'),
    'table': ({'labels.CSV': 'image,label\na.jpg,table\n', 'README.txt': 'text'}, 'table'),
    'metadata': ({'metadata.csv': 'file_name,label\na.jpg,meta\n', 'other.csv': 'x,y\n'}, 'meta'),
}


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding='utf-8')


@pytest.fixture
def images(tmp_path):
    (tmp_path / 'images').mkdir()
    Image.new('RGB', (4, 3)).save(tmp_path / 'images/a.jpg')
    return tmp_path / 'images'


@pytest.mark.parametrize(('files', 'label'), FOLDERS.values(), ids=FOLDERS)
def test_folders_are_told_by_their_content(tmp_path, images, files, label):
    write(tmp_path / 'labels', files)
    found = read_source(tmp_path / 'labels', images)
    assert found.rows == {'a.jpg': [label]}
    assert found.problems == found.notes == []


@pytest.mark.parametrize(
    'kind', [kind for kind in FOLDERS if kind not in ('table', 'voc in folders')]
)
def test_files_in_the_folder_of_the_images(images, kind):
    files, label = FOLDERS[kind]
    write(images, files)
    assert read_source(images, images).rows == {'a.jpg': [label]}


def test_classes_as_folders_with_other_files_in_them(tmp_path):
    for name in ('cat/a.jpg', 'dog/b.jpg'):
        path = tmp_path / name
        path.parent.mkdir()
        Image.new('RGB', (4, 3)).save(path)
    write(tmp_path, {'config.json': '{"x": 1}', 'cat/list.csv': 'x,y\n', 'dog/notes.txt': '1 2 3'})
    assert read_source(tmp_path, tmp_path).rows == {'cat/a.jpg': ['cat'], 'dog/b.jpg': ['dog']}


def test_files_of_several_tools(tmp_path, images):
    write(tmp_path / 'labels', {'a.xml': VOC, 'a.json': LABELME, 'a.txt': '0 1 1 1 1'})
    found = read_source(tmp_path / 'labels', images)
    assert found.rows == {'a.jpg': ['voc']}
    assert found.notes == [
        f"{tmp_path}/labels also has labelme's files and YOLO's files; labels were read from VOC's "
        'files alone'
    ]


@pytest.mark.parametrize(
    ('files', 'message'),
    [
        (
            {'README': 'text'},
            'has no files of labels: no table, no JSON, no XML files, and no text f',
        ),
        (
            {'a.csv': 'x', 'sub/b.tsv': 'x'},
            r'has 2 files of labels \(a\.csv, sub/b\.tsv\); give one',
        ),
        ({'a.json': COCO, 'b.json': COCO}, r'has 2 files of labels \(a\.json, b\.json\); give one'),
        ({'via.json': '{"_via_settings": {}}'}, 'is of VGG Image Annotator'),
    ],
)
def test_folders_that_are_of_no_use(tmp_path, images, files, message):
    write(tmp_path / 'labels', files)
    with pytest.raises(FormatError, match=message):
        read_source(tmp_path / 'labels', images)
