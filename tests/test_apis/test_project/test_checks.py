import numpy as np
import pytest
from PIL import Image

from qaclims_mm.apis.project.checks import as_words, check_masks, check_source
from qaclims_mm.apis.project.sources import Source
from qaclims_mm.schemas import FormatError, write_mask


@pytest.fixture
def images(tmp_path):
    for name, size in {
        'a.jpg': (60, 40),
        'B.PNG': (50, 50),
        'sub dir/été.webp': (40, 90),
        'small.png': (40, 31),
        'twice.jpg': (60, 40),
        'twice.png': (60, 40),
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        Image.new('RGB', size).save(path)
    (tmp_path / 'broken.jpg').write_bytes(b'no image')
    return tmp_path


def source(rows):
    found = Source('table')
    for line, (image, labels) in enumerate(rows.items(), start=2):
        found.add(image, labels, f'labels.csv:{line}')
    return found


def test_what_is_left(images):
    rows = {
        'a.jpg': ['cat'],
        'b': ['traffic_light', 'Cat'],
        'sub dir/été.webp': [],
        'gone.jpg': ['cat'],
        'broken.jpg': ['cat'],
        'small.png': ['dog'],
        'twice': ['cat'],
        '../a.jpg': ['cat'],
    }
    found = check_source(source(rows), images)
    assert found.rows == {
        'a.jpg': ['cat'],
        'B.PNG': ['traffic light', 'cat'],
        'sub dir/été.webp': [],
    }
    assert found.classes == ['cat', 'traffic light']
    assert found.counts == {'cat': 2, 'traffic light': 1}
    assert found.sizes == [(60, 40), (50, 50), (40, 90)]
    for place, part in {
        'labels.csv:4': 'has no label',
        'labels.csv:5': 'gone.jpg is missing; left out',
        'labels.csv:6': 'broken.jpg cannot be read',
        'labels.csv:7': 'small.png is 40 x 31, smaller than 32 pixels; left out',
        'labels.csv:8': 'image twice may be twice.jpg or twice.png; left out',
        'labels.csv:9': 'image ../a.jpg is not below',
        str(images): '4 images have no usable row',
    }.items():
        [problem] = [p for p in found.problems if p.startswith(f'{place}:')]
        assert part in problem
    assert len(found.problems) == 7


def test_two_files_of_one_id(images):
    found = check_source(source({'twice.jpg': ['cat'], 'twice.png': ['dog']}), images)
    assert found.rows == {'twice.jpg': ['cat']}
    assert 'labels.csv:3: twice.png and twice.jpg differ in their suffix alone' in found.problems[0]


def test_classes_that_shall_be(images):
    rows = {'a.jpg': ['cat', 'dog', 'cow'], 'b.png': ['dog']}
    found = check_source(source(rows), images, ['dog', 'horse'])
    assert found.rows == {'a.jpg': ['dog'], 'B.PNG': ['dog']}
    assert found.classes == ['dog', 'horse']
    assert 'labels.csv:2: cat, cow is none of the classes; left out' in found.problems
    assert 'class horse has no image' in found.problems


def test_words():
    assert as_words(['traffic_light', 'Traffic Light', 'cat', 'CAT ', 'potted  plant']) == {
        'traffic_light': 'traffic light',
        'Traffic Light': 'traffic light',
        'cat': 'cat',
        'CAT ': 'cat',
        'potted  plant': 'potted plant',
    }


def test_renamed_labels(images):
    rows = {'a.jpg': ['puppy', 'Dogs'], 'b.png': ['dog', 'n0123'], 'sub dir/été.webp': ['n0123']}
    renames = {'puppy': 'dog', 'Dogs': 'Dog', 'n0123': 'traffic light'}
    found = check_source(source(rows), images, renames=renames)
    assert found.rows == {
        'a.jpg': ['dog'],
        'B.PNG': ['dog', 'traffic light'],
        'sub dir/été.webp': ['traffic light'],
    }
    # a code is no other word for a thing
    assert found.aliases == {'dog': ['puppy', 'Dogs']}
    with pytest.raises(FormatError, match="no image has the label 'cow', which shall be renamed"):
        check_source(source(rows), images, renames={'cow': 'dog'})


def test_masks(images):
    masks = images / 'masks'
    found = check_source(source({'a.jpg': ['cat'], 'sub dir/été.webp': ['dog']}), images)
    with pytest.raises(FormatError, match='masks has no mask of an image; they are called as'):
        check_masks(masks, found)
    write_mask(masks / 'a.png', np.full((40, 60), 2))
    write_mask(masks / 'sub dir/été.png', np.full((90, 40), 255))
    write_mask(masks / 'nobody.png', np.full((9, 9), 77))
    assert check_masks(masks, found) == 2
    write_mask(masks / 'a.png', np.full((40, 60), 3))
    write_mask(masks / 'sub dir/été.png', np.zeros((40, 40)))
    message = (
        r'(?s)a.png: value 3, but there are 2 classes \(0 background, 1 cat, 2 dog ..\).*'
        r'été.png: 40 x 40 pixels, its image has 40 x 90'
    )
    with pytest.raises(FormatError, match=message):
        check_masks(masks, found)
    (masks / 'a.png').write_bytes(b'no mask')
    with pytest.raises(FormatError, match=r'a\.png is not a readable mask'):
        check_masks(masks, found)
