import json
import re

import pytest

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.labels.reading import read_source


def coco(**changes):
    content = dict(
        images=[dict(id=1, file_name='a.jpg'), dict(id=2, file_name='sub/b.jpg')],
        categories=[dict(id=7, name='cat'), dict(id=9, name='dog')],
        annotations=[
            dict(id=1, image_id=1, category_id=7),
            dict(id=2, image_id=1, category_id=9),
            dict(id=3, image_id=1, category_id=7),
        ],
    )
    return content | changes


def read(tmp_path, content):
    text = content if isinstance(content, str) else json.dumps(content)
    (tmp_path / 'x.json').write_text(text, encoding='utf-8')
    return read_source(tmp_path / 'x.json', tmp_path)


def test_coco(tmp_path):
    found = read(tmp_path, coco())
    assert found.rows == {'a.jpg': ['cat', 'dog'], 'sub/b.jpg': []}
    assert found.problems == []


def test_parts_may_come_in_any_order(tmp_path):
    content = coco(info=dict(year=2017), licenses=[])
    for keys in (sorted(content), sorted(content, reverse=True)):
        found = read(tmp_path, {key: content[key] for key in keys})
        assert found.rows == {'a.jpg': ['cat', 'dog'], 'sub/b.jpg': []}


@pytest.mark.parametrize(('image', 'category'), [('1', '7'), (1.0, 7.0), (' 1', 7), ('1', 7.0)])
def test_ids_of_several_types_are_one(tmp_path, image, category):
    found = read(tmp_path, coco(annotations=[dict(image_id=image, category_id=category)]))
    assert found.rows['a.jpg'] == ['cat']
    assert found.problems == []


GOOD = dict(id=1, image_id=1, category_id=7)
BAD = {
    'category null': ('annotations', dict(GOOD, category_id=None), 'annotation 0 (id 1): its ima'),
    'no image': ('annotations', dict(category_id=7), 'annotation 0 (id None): its image_id or'),
    'id of a list': ('annotations', dict(GOOD, image_id=[1]), 'annotation 0 (id 1): its image_id'),
    'id of truth': ('annotations', dict(GOOD, image_id=True), 'annotation 0 (id 1): its image_id'),
    'text': ('annotations', 'cat', "entry 0 of annotations: is 'cat', not an object; left out"),
    'unknown category': ('annotations', dict(GOOD, category_id=8), 'is none of the file; left'),
    'unknown image': ('annotations', dict(GOOD, image_id=3), 'is none of the file; left out'),
    'nameless': ('categories', dict(id=1), 'entry 0 of categories: needs id, a number or a text'),
    'name of a number': ('categories', dict(id=1, name=5), 'entry 0 of categories: needs id, a'),
    'no file': ('images', dict(id=3), 'entry 0 of images: needs id, a number or a text, and file'),
    'image null': ('images', None, 'entry 0 of images: is None, not an object; left out'),
    'same id': ('images', dict(id=1, file_name='z.jpg'), 'has the id of another entry of images'),
}


@pytest.mark.parametrize(('part', 'entry', 'problem'), BAD.values(), ids=BAD)
def test_a_bad_entry_costs_that_entry(tmp_path, part, entry, problem):
    content = coco()
    content[part].insert(0 if 'same' not in problem else 1, entry)
    found = read(tmp_path, content)
    [line] = found.problems
    assert problem in line
    kept = {'z.jpg'} if 'has the id' in problem else {'a.jpg'}
    assert found.rows[kept.pop()] == ['cat', 'dog']


def test_one_line_for_each_kind_of_problem(tmp_path):
    bad = [dict(id=n, image_id=1, category_id=None) for n in range(500)]
    found = read(tmp_path, coco(annotations=[GOOD, *bad]))
    [line] = found.problems
    assert ', annotation 1 (id 0): its image_id or category_id is missing; left out' in line
    assert '(499 more of this kind: x.json, annotation 2 (id 1), ' in line
    assert len(line) < 400


def test_panoptic_segments_and_key_points_have_labels(tmp_path):
    segments = [dict(category_id=7, id=3), dict(category_id=9, id=4)]
    panoptic = [dict(image_id=2, file_name='b.png', segments_info=segments)]
    assert read(tmp_path, coco(annotations=panoptic)).rows['sub/b.jpg'] == ['cat', 'dog']
    points = [dict(GOOD, keypoints=[1, 2, 2], num_keypoints=1)]
    assert read(tmp_path, coco(annotations=points)).rows['a.jpg'] == ['cat']


def test_an_image_that_is_listed_twice_has_the_labels_of_both(tmp_path):
    images = [dict(id=1, file_name='a.jpg'), dict(id=2, file_name='a.jpg')]
    both = [GOOD, dict(GOOD, image_id=2, category_id=9)]
    found = read(tmp_path, coco(images=images, annotations=both))
    assert found.rows == {'a.jpg': ['cat', 'dog']}
    assert len(found.again) == 1


CAPTIONS = [dict(id=1, image_id=1, caption='a cat')]


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('{', 'x.json is no valid JSON'),
        ('[' * 200_000, 'x.json is nested too deeply'),
        ('{"a":' * 200_000, 'x.json is nested too deeply'),
        (coco(categories=None), 'it has no list of categories; it needs images, annotations, cat'),
        (dict(images=[], categories=[]), 'it has no list of annotations'),
        (coco(annotations=CAPTIONS, categories=[]), 'holds captions of COCO, which are no labels'),
        (dict(images=[dict(id=1, file_name='a.jpg')], annotations=CAPTIONS), 'holds captions'),
        (coco(annotations=[]), "x.json is COCO's JSON, but its 2 images have no label; exp"),
        (coco(images=[], annotations=[]), "is COCO's JSON, but it names no image; export COCO"),
        ([dict(image_id=1, category_id=7, score=0.5)], 'is a list of results of COCO'),
    ],
)
def test_no_coco(tmp_path, content, message):
    with pytest.raises(FormatError, match=re.escape(message)):
        read(tmp_path, content)
