from functools import partial

import numpy as np
import pytest
from PIL import Image
from tiny_review import square, write_masks

from qaclims_mm.datasets.read_image import read_image
from qaclims_mm.report.thumbnails import SIDE, Wanted, make_thumbnail
from qaclims_mm.review.sources import MaskSource
from qaclims_mm.schemas import write_mask
from qaclims_mm.visualization.colours import page_colours


@pytest.fixture
def draw(tmp_path):
    """Return a function that draws an image with the mask of a stage."""
    source = MaskSource('IRN', 'irn_masks', tmp_path / 'irn_masks/pseudo_masks')
    Image.new('RGB', (900, 600), (128, 128, 128)).save(tmp_path / 'photo.jpg')
    (tmp_path / 'out').mkdir()

    def run(mask=None, truth=None, image='photo.jpg'):
        if mask is not None:
            write_masks(tmp_path, 'irn_masks', 'pseudo_masks', {'a': mask})
        if truth is not None:
            write_mask(tmp_path / 'truth.png', truth)
        wanted = Wanted(7, 'a', str(tmp_path / image), str(tmp_path / 'truth.png'))
        read = partial(read_image, oriented=True)
        return make_thumbnail(wanted, tmp_path / 'out', source, read)

    return run


def test_an_outlined_mask_on_a_small_photograph(draw, tmp_path):
    found = draw(square(3, (5, 15), (5, 15), (20, 30)))
    assert (found.number, found.file, found.ious) == (7, '000007.jpg', None)
    assert found.values == {0, 3}
    with Image.open(tmp_path / 'out/000007.jpg') as image:
        assert image.size == (SIDE, round(SIDE * 2 / 3))
        pixels = np.asarray(image).astype(int)
    # the mask covers a quarter to half of the photograph, and is tinted
    inside, outside = pixels[75, 75], pixels[10, 200]
    tint = 0.6 * 128 + 0.4 * page_colours()[3].astype(int)
    assert np.abs(inside - tint).max() < 12
    assert np.abs(outside - 128).max() < 6
    assert (pixels.min(-1) > 220).sum() > 100  # white, around it


def test_the_ground_truth_is_compared_with_each_class(draw):
    truth = square(3, (5, 15), (5, 10), (20, 30))
    truth[0, 0] = 5
    found = draw(square(3, (5, 15), (5, 15), (20, 30)), truth)
    assert found.ious == {2: pytest.approx(0.5), 4: 0.0}


def test_pixels_that_do_not_count(draw):
    truth = square(3, (5, 15), (5, 10), (20, 30))
    truth[5:15, 10:15] = 255
    assert draw(square(3, (5, 15), (5, 15), (20, 30)), truth).ious == {2: 1.0}


def test_an_image_without_a_mask_is_shown(draw, tmp_path):
    found = draw()
    assert (found.file, found.ious, found.values) == ('000007.jpg', None, frozenset())
    assert (tmp_path / 'out/000007.jpg').is_file()


@pytest.mark.parametrize('content', [None, b'', b'no picture'])
def test_an_image_that_cannot_be_read_costs_its_picture(draw, tmp_path, content):
    if content is not None:
        (tmp_path / 'broken.jpg').write_bytes(content)
    truth = square(1)
    found = draw(square(1), truth, 'broken.jpg')
    assert (found.file, found.ious) == ('', {0: 1.0})
    assert not list((tmp_path / 'out').iterdir())


def test_a_mask_that_cannot_be_read_is_left_out(draw, tmp_path):
    folder = tmp_path / 'irn_masks/pseudo_masks'
    folder.mkdir(parents=True)
    (folder / 'a.png').write_bytes(b'no mask')
    found = draw(truth=square(1))
    assert (found.file, found.ious) == ('000007.jpg', None)


def test_a_broken_ground_truth_does_not_hide_the_mask(draw, tmp_path):
    (tmp_path / 'truth.png').write_bytes(b'no mask')
    found = draw(square(3))
    assert (found.ious, 3 in found.values) == (None, True)
