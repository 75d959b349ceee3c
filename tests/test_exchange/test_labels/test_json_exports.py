import json

import pytest

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.labels.json_exports import is_json_export
from qaclims_mm.exchange.labels.reading import read_source

TASK = dict(data=dict(image='a.jpg'), annotations=[dict(result=[dict(value=dict(choices=['x']))])])
COCO = dict(
    licenses=[1] * 50,
    images=[dict(id=1, file_name='a.jpg')],
    categories=[dict(id=1, name='x')],
    annotations=[dict(image_id=1, category_id=1)],
)
LABELME = dict(version='5', shapes=[dict(label='x')], imagePath='a.jpg')
KINDS = {
    'coco': (COCO, "COCO's JSON"),
    'label studio': ([TASK], "Label Studio's JSON"),
    'records': ([dict(image='a.jpg', label='x')], 'list of JSON'),
    'labelme': (LABELME, "labelme's JSON files"),
}


def write(path, value):
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding='utf-8')
    return path


@pytest.mark.parametrize(('value', 'kind'), KINDS.values(), ids=KINDS)
@pytest.mark.parametrize('name', ['x.json', 'labels.csv', 'export'])
def test_kinds_are_told_by_their_content(tmp_path, value, kind, name):
    path = write(tmp_path / name, value)
    assert is_json_export(path)
    (tmp_path / 'images').mkdir()
    found = read_source(path, tmp_path / 'images')
    assert (found.kind, found.rows) == (kind, {'a.jpg': ['x']})


def test_a_list_with_bad_entries_before_the_first_good_one(tmp_path):
    found = read_source(write(tmp_path / 'x.json', [None, 3, TASK]), tmp_path)
    assert found.rows == {'a.jpg': ['x']}
    assert 'task 1: is no task of Label Studio; left out (1 more of this kind' in found.problems[0]


@pytest.mark.parametrize(
    ('value', 'message'),
    [
        (
            dict(_via_settings={}, _via_img_metadata={}),
            'is of VGG Image Annotator, which is not re',
        ),
        ({'a.jpg123': dict(filename='a.jpg', size=1, regions=[])}, 'is of VGG Image Annotator'),
        (dict(info={}, categories={}, items=[dict(id='a')]), 'is of Datumaro, which is not read'),
        (dict(my=1, own=[]), r"is JSON of no tool that is read \(its keys are 'my', 'own'\); expo"),
        ([dict(x=1)], r'is JSON of no tool that is read \(its keys are none\)'),
        ([1, 2], 'is JSON of no tool that is read'),
        ([], 'is JSON of no tool that is read'),
        ({'\x1b[31m': 1}, r"its keys are '\\x1b\[31m'"),
    ],
)
def test_other_json(tmp_path, value, message):
    path = write(tmp_path / 'x.json', value)
    assert not is_json_export(path)
    with pytest.raises(FormatError, match=message):
        read_source(path, tmp_path)


def test_a_file_that_is_long_is_not_read_to_its_end(tmp_path):
    assert not is_json_export(write(tmp_path / 'x.json', [1] * 1000 + [TASK]))
    assert not is_json_export(tmp_path / 'gone.json')
