import pytest

from qaclims_mm.errors import DataError
from qaclims_mm.exchange.ground_truth.matching import list_masks, match_masks

IMAGES = ('p0.jpg', 'p1.png', 'sub/p2.jpg')


@pytest.mark.parametrize(
    ('files', 'pattern'),
    [
        (('p0.png', 'p1.png', 'sub/p2.png'), '{image}'),
        (('p0.bmp', 'p1.tif', 'sub/p2.png'), '{image}'),
        (('p0_mask.png', 'p1_mask.png', 'sub/p2_mask.png'), '{image}_mask'),
        (('p0.jpg.png', 'p1.png.png', 'sub/p2.jpg.png'), '{image}{suffix}'),
        (('p0.jpg_gt.png', 'p1.png_gt.png', 'sub/p2.jpg_gt.png'), '{image}{suffix}_gt'),
        (('mask-p0.png', 'mask-p1.png', 'sub/mask-p2.png'), 'mask-{image}'),
        # flat, since names are of one image each
        (('gt p0 v2.png', 'gt p1 v2.png', 'gt p2 v2.png'), 'gt {image} v2'),
    ],
)
def test_names_of_masks(files, pattern):
    matched = match_masks(files, IMAGES)
    assert matched.files == dict(zip(IMAGES, files, strict=True))
    assert matched.pattern == pattern
    assert matched.others == []


def test_what_is_of_no_image():
    matched = match_masks(['p0.png', 'p1.png', 'p1_mask.png', 'x.png', 'p10.png'], IMAGES)
    assert matched.files == {'p0.jpg': 'p0.png', 'p1.png': 'p1.png'}
    assert matched.others == ['p1_mask.png', 'x.png', 'p10.png']
    assert match_masks(['q.png'], IMAGES) == ({}, '{image}', ['q.png'])


def test_a_number_is_no_part_of_a_name():
    matched = match_masks(['p10_mask.png', 'p1_mask.png'], ['p1.jpg', 'p10.jpg'])
    assert matched.files == {'p1.jpg': 'p1_mask.png', 'p10.jpg': 'p10_mask.png'}


def test_names_of_two_images_are_of_none():
    images = ['a/x.jpg', 'b/x.jpg']
    assert match_masks(['x.png'], images).files == {}
    assert match_masks(['a/x.png', 'b/x.png'], images).files == {
        'a/x.jpg': 'a/x.png',
        'b/x.jpg': 'b/x.png',
    }


def test_two_masks_of_an_image():
    with pytest.raises(DataError, match=r'1 image has two masks:\s+p0.jpg: p0.png and p0.tif'):
        match_masks(['p0.png', 'p0.tif'], IMAGES)


def test_listing(tmp_path):
    for name in ('b.PNG', 'sub/a.bmp', '.hidden.png', '.git/a.png', 'readme.txt', 'x.npy'):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (tmp_path / 'folder.png').mkdir()
    assert list_masks(tmp_path) == ['b.PNG', 'folder.png', 'sub/a.bmp']
