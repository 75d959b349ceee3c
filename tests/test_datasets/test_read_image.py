import numpy as np
import pytest
from PIL import Image

from qaclims_mm.datasets.read_image import read_image

RNG = np.random.default_rng(0)
# four corners by which turns are told apart
CORNERS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], np.uint8)


def corners(size=(6, 4)):
    """Return an image of four flat quarters, and its pixels."""
    pixels = CORNERS.repeat(size[1] // 2, axis=0).repeat(size[0] // 2, axis=1)
    return Image.fromarray(pixels), pixels


@pytest.mark.parametrize(
    ('mode', 'colour', 'rgb'),
    [
        ('RGB', (200, 100, 0), (200, 100, 0)),
        ('L', 90, (90, 90, 90)),
        ('1', 1, (255, 255, 255)),
        ('CMYK', (0, 0, 0, 255), (0, 0, 0)),
        ('RGBA', (200, 100, 0, 255), (200, 100, 0)),
        # what is not seen lies on white
        ('RGBA', (200, 100, 0, 0), (255, 255, 255)),
        ('LA', (0, 0), (255, 255, 255)),
        ('I;16', 65535, (255, 255, 255)),
        ('I;16', 257 * 90, (90, 90, 90)),
        ('I;16', 128, (0, 0, 0)),
        ('I;16', 129, (1, 1, 1)),
    ],
)
def test_every_kind_becomes_rgb(tmp_path, mode, colour, rgb):
    path = tmp_path / ('a.tif' if mode == 'CMYK' else 'a.png')
    Image.new(mode, (5, 4), colour).save(path)
    found, shape = read_image(path)
    assert found.dtype == np.uint8
    assert found.shape == (*shape, 3) == (4, 5, 3)
    assert (found == rgb).all()


def test_palette_with_a_transparent_colour(tmp_path):
    image = Image.new('P', (5, 4), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    image.save(tmp_path / 'a.png')
    assert (read_image(tmp_path / 'a.png')[0] == (10, 20, 30)).all()
    image.save(tmp_path / 'b.png', transparency=1)
    assert (read_image(tmp_path / 'b.png')[0] == 255).all()


def test_the_first_frame(tmp_path):
    frames = [Image.new('RGB', (5, 4), c) for c in ('red', 'blue')]
    frames[0].save(tmp_path / 'a.gif', save_all=True, append_images=frames[1:])
    assert (read_image(tmp_path / 'a.gif')[0] == (255, 0, 0)).all()


@pytest.mark.parametrize('number', range(1, 9))
def test_orientation(tmp_path, number):
    image, pixels = corners()
    exif = Image.Exif()
    exif[0x0112] = number
    image.save(tmp_path / 'a.png', exif=exif)
    as_stored, shape = read_image(tmp_path / 'a.png')
    np.testing.assert_array_equal(as_stored, pixels)
    assert shape == (4, 6)
    # by hand: what the standard says of where row 0 and column 0 of the file are
    turned = {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.transpose(1, 0, 2),
        6: np.rot90(pixels, -1),
        7: pixels[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(pixels),
    }[number]
    found, shape = read_image(tmp_path / 'a.png', oriented=True)
    np.testing.assert_array_equal(found, turned)
    assert shape == turned.shape[:2]


@pytest.mark.parametrize('suffix', ['png', 'jpg'])
@pytest.mark.parametrize('turned', [False, True])
def test_a_large_image_is_made_smaller(tmp_path, suffix, turned):
    image, _ = corners((1000, 600))
    exif = Image.Exif()
    exif[0x0112] = 6 if turned else 1
    path = tmp_path / f'a.{suffix}'
    image.save(path, exif=exif)
    found, shape = read_image(path, oriented=True, max_side=100)
    assert shape == ((1000, 600) if turned else (600, 1000))
    assert found.shape == ((100, 60, 3) if turned else (60, 100, 3))
    whole, _ = read_image(path, oriented=True)
    middle = [(np.array(x.shape[:2]) * 0.25).astype(int) for x in (found, whole)]
    difference = found[tuple(middle[0])].astype(int) - whole[tuple(middle[1])]
    assert abs(difference).max() <= 3


@pytest.mark.parametrize(('size', 'expected'), [((50, 50), (50, 50)), ((3000, 2), (1, 100))])
def test_small_and_narrow_images(tmp_path, size, expected):
    Image.new('RGB', size).save(tmp_path / 'a.png')
    found, shape = read_image(tmp_path / 'a.png', max_side=100)
    assert found.shape[:2] == expected
    assert shape == size[::-1]


def test_values_of_no_known_range(tmp_path):
    Image.new('F', (5, 4), 0.5).save(tmp_path / 'a.tif')
    with pytest.raises(OSError, match='floating-point numbers of no known range'):
        read_image(tmp_path / 'a.tif')
    Image.new('I', (5, 4), 70000).save(tmp_path / 'b.tif')
    with pytest.raises(OSError, match='its values are 70000 to 70000, not of 16 bits'):
        read_image(tmp_path / 'b.tif')
