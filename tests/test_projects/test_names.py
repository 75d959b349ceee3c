import pytest

from qaclims_mm.datasets import coco14, voc12
from qaclims_mm.errors import ConfigError
from qaclims_mm.projects.names import TWO_WORDS, is_word, propose_names, read_renames


def test_the_classes_of_two_words_are_those_of_the_benchmarks():
    classes = {*voc12.CLASSES, *coco14.CLASSES}
    assert set(TWO_WORDS) == {name for name in classes if ' ' in name}


@pytest.mark.parametrize(
    ('label', 'name'),
    [
        ('TrafficLight', 'traffic light'),
        ('traffic-light', 'traffic light'),
        ('diningtable', 'dining table'),
        ('Diningtable', 'dining table'),
        ('tvmonitor', 'tv monitor'),
        ('cats', 'cat'),
        ('berries', 'berry'),
        ('boxes', 'box'),
        ('bicicle', 'bicycle'),
        ('n02084071', ''),
        ('cls_3', ''),
        ('17', ''),
        ('xkcd', ''),
        ('Background', ''),
        ('goat cat', ''),
        ('goat/cat', ''),
        ('goat and cat', ''),
        ('NaN', ''),
        ('none', ''),
        ('["cat"', ''),
        # of another language, perhaps
        ('猫', ''),
        ('été', ''),
        # fine as they are
        ('cat', None),
        ('bus', None),
        ('glasses', None),
        ('TV', None),
        ('traffic light', None),
        ('boeing 747', None),
        ('cat tree', None),
        ('salt and pepper', None),
        # near, but as frequent
        ('boat', None),
    ],
)
def test_proposals(label, name):
    known = dict.fromkeys(('cat', 'berry', 'box', 'bicycle', 'goat'), 5)
    found = propose_names({**known, label: 5 if label == 'boat' else 1})
    assert [(p.label, p.name) for p in found] == ([] if name is None else [(label, name)])


def test_words():
    assert is_word('potted plant')
    assert not is_word('_')


def test_renames():
    assert read_renames(['a=b', 'x = y = cat', 'n0=traffic light']) == {
        'a': 'b',
        'x = y': 'cat',
        'n0': 'traffic light',
    }


@pytest.mark.parametrize('texts', [['cat'], ['=cat'], ['cat='], ['a=b', 'a=c']])
def test_bad_renames(texts):
    with pytest.raises(ConfigError, match=r"given once, as 'label=name', but got '"):
        read_renames(texts)


LISTS = ['["a"', "'b']", '{"choices": ["a"', "['a']", '("a"', '"x"]}', '[]', '[ ]']
NO_LISTS = ['{cat}', '[red]', 'cat [grey]', 'a"b', "it's", '{{$HOME:x}}', '"quoted"', '[/b]', '()']


@pytest.mark.parametrize('label', LISTS)
def test_parts_of_a_list_are_told(label):
    [proposal] = propose_names({label: 1})
    assert 'part of a list' in proposal.reason


@pytest.mark.parametrize('label', NO_LISTS)
def test_brackets_alone_are_no_list(label):
    assert all('part of a list' not in p.reason for p in propose_names({label: 1}))
