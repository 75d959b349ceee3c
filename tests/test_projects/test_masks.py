import os

import numpy as np
import pytest

from qaclims_mm.errors import ConfigError, DataError
from qaclims_mm.projects.checks import Checked
from qaclims_mm.projects.masks import check_masks
from qaclims_mm.schemas import write_mask

NUMBERS = (
    r'0 is background, then come the classes in this order \(1 cat, 2 dog\), 255 does not '
    'count'
)


def project(rows, classes=('cat', 'dog')):
    return Checked(rows=rows, classes=list(classes), sizes=[(60, 40)] * len(rows))


def write(folder, **values):
    for image_id, value in values.items():
        mask = np.zeros((40, 60), np.uint8)
        mask[:9], mask[9] = value, 255
        write_mask(folder / f'{image_id}.png', mask)


def test_masks_that_fit(tmp_path):
    rows = {'a.jpg': ['cat', 'dog'], 'sub dir/été.webp': ['dog'], 'without.jpg': ['cat']}
    write(tmp_path, a=1, nobody=77)
    # all pixels of no account
    write_mask(tmp_path / 'sub dir/été.png', np.full((40, 60), 255))
    assert check_masks(tmp_path, project(rows)) == []


def test_no_masks(tmp_path):
    with pytest.raises(DataError, match='has no mask of an image; they are called as'):
        check_masks(tmp_path, project({'a.jpg': ['cat']}))


def test_masks_that_do_not_fit(tmp_path):
    write(tmp_path, a=3)
    write_mask(tmp_path / 'b.png', np.zeros((40, 40)))
    (tmp_path / 'c.png').write_bytes(b'no mask')
    message = (
        rf'(?s)^3 masks do not fit:.*a\.png: value 3, but there are 2 classes; give it the numbers '
        r'below\n.*b\.png: 40 x 40 pixels, its image has 60 x 40\n'
        r'  \S+c\.png is not a readable mask .*\nA mask is as large as its image; '
        rf'{NUMBERS}\.$'
    )
    with pytest.raises(DataError, match=message):
        check_masks(tmp_path, project({f'{name}.jpg': ['cat'] for name in 'abc'}))
    # lying beside an image that stands
    write_mask(tmp_path / 'd.png', np.zeros((60, 40)))
    with pytest.raises(DataError, match=r'd\.png: 40 x 60 pixels, its image has 60 x 40'):
        check_masks(tmp_path, project({'d.jpg': ['cat']}))


def test_masks_numbered_otherwise(tmp_path):
    write(tmp_path, a=2, b=2, c=1, d=0)
    rows = {f'{name}.jpg': ['cat'] for name in 'abd'} | {'c.jpg': []}
    message = (
        '^3 of 3 masks hold classes that their images do not, as class 2 = dog where the image is '
        rf'labelled cat \(first: {tmp_path}/a.png\); are they numbered differently\? {NUMBERS}'
    )
    with pytest.raises(DataError, match=message):
        check_masks(tmp_path, project(rows))


def test_an_oversight_is_told(tmp_path):
    rows = {f'{number}.jpg': ['cat'] for number in range(4)} | {'4.jpg': []}
    write(tmp_path, **{str(number): 1 for number in range(5)})
    [problem] = check_masks(tmp_path, project(rows))
    assert '1 of 5 masks hold classes' in problem
    assert 'class 1 = cat where the image has no label (first:' in problem


def test_the_numbers_of_many_classes(tmp_path):
    write(tmp_path, a=77)
    classes = [f'kind {number:02}' for number in range(30)]
    with pytest.raises(DataError, match=r'order \(1 kind 00, .*, 20 kind 19 \.\.\), 255 does'):
        check_masks(tmp_path, project({'a.jpg': ['kind 00']}, classes))


def test_the_value_that_no_class_has(tmp_path):
    classes = [f'kind {number:03}' for number in range(300)]
    write_mask(tmp_path / 'a.png', np.full((40, 60), 256))
    assert check_masks(tmp_path, project({'a.jpg': ['kind 254']}, classes)) == []


@pytest.mark.parametrize('name', ['gone', 'file', 'file/x', 'x' * 10_000, 'a\nb'])
def test_no_folder_of_masks(tmp_path, name):
    (tmp_path / 'file').touch()
    with pytest.raises(ConfigError, match=r'^there is no folder .* with masks\.$'):
        check_masks(tmp_path / name, project({'a.jpg': ['cat']}))


def test_masks_that_are_no_files(tmp_path):
    os.mkfifo(tmp_path / 'a.png')
    (tmp_path / 'b.png').mkdir()
    (tmp_path / 'c.png').symlink_to('/dev/zero')
    rows = {f'{name}.jpg': ['cat'] for name in 'abc'}
    with pytest.raises(DataError, match=r'(?s)3 masks .*a.png is not a regular.*b.png is a fold'):
        check_masks(tmp_path, project(rows))
