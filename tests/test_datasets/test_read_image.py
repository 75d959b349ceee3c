import warnings

import numpy as np
import pytest
from PIL import Image

from qaclims_mm.datasets.read_image import (
    BROKEN_EXIF,
    DARK,
    FLOATS,
    FRAMES,
    decode_image,
    read_image,
)

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


@pytest.mark.parametrize('suffix', ['png', 'jpg', 'webp', 'tif', 'avif'])
@pytest.mark.parametrize('oriented', [False, True])
def test_orientation_in_every_format(tmp_path, suffix, oriented):
    image, pixels = corners((60, 40))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / f'a.{suffix}', exif=exif, quality=100)
    found = decode_image(tmp_path / f'a.{suffix}', oriented)
    expected = np.rot90(pixels, -1) if oriented else pixels
    assert found.size == found.rgb.shape[:2] == expected.shape[:2]
    assert found.orientation == 6
    # away from the borders of the quarters, where lossy formats mix them
    rows, columns = (slice(5, None, n // 2) for n in found.size)
    difference = found.rgb[rows, columns].astype(int) - expected[rows, columns]
    assert abs(difference).max() <= 12


def exif_of(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


@pytest.mark.parametrize('suffix', ['png', 'webp', 'jpg'])
@pytest.mark.parametrize(
    'exif',
    [b'garbage', b'Exif\0\0MM', b'Exif\0\0II*\0', exif_of(6)[:12], exif_of(6)[:16], b'\0' * 40],
)
@pytest.mark.filterwarnings('ignore:Corrupt EXIF')
def test_broken_exif_turns_nothing(tmp_path, suffix, exif):
    image, pixels = corners((60, 40))
    path = tmp_path / f'a.{suffix}'
    image.save(path, exif=exif, lossless=True)
    found = decode_image(path, oriented=True)
    assert found.size == (40, 60)
    assert found.orientation == 1
    # a JPEG has no EXIF data that do not begin as such
    if suffix != 'jpg' or exif.startswith(b'Exif'):
        assert found.remarks == (BROKEN_EXIF,)
    if suffix != 'jpg':
        np.testing.assert_array_equal(found.rgb, pixels)


@pytest.mark.parametrize('number', [0, 9, 700])
def test_orientations_that_there_are_not(tmp_path, number):
    image, pixels = corners()
    image.save(tmp_path / 'a.png', exif=exif_of(number))
    found = decode_image(tmp_path / 'a.png', oriented=True)
    np.testing.assert_array_equal(found.rgb, pixels)
    assert (found.orientation, found.remarks) == (1, ())


def test_the_cases_of_exif(cases_dir):
    broken = decode_image(cases_dir / 'odd/broken-exif.png', oriented=True)
    assert broken.size == (64, 80)
    assert broken.remarks == (BROKEN_EXIF,)
    assert decode_image(cases_dir / 'exif/p0.jpg', oriented=True).orientation == 6


def test_a_heic_image(tmp_path):
    heif = pytest.importorskip('pillow_heif')
    image, pixels = corners((64, 32))
    heif.from_pillow(image).save(tmp_path / 'a.heic', quality=-1)
    rgb, size = read_image(tmp_path / 'a.heic', oriented=True)
    assert size == (32, 64)
    assert abs(rgb.astype(int) - pixels)[4, 4].max() <= 8


@pytest.mark.parametrize(
    ('suffix', 'remarks'), [('tif', (FRAMES,)), ('gif', (FRAMES,)), ('mpo', ())]
)
def test_several_pages_are_said(tmp_path, suffix, remarks):
    pages = [Image.new('RGB', (5, 4), c) for c in ('red', 'blue')]
    path = tmp_path / f'a.{suffix}'
    pages[0].save(path, save_all=True, append_images=pages[1:])
    found = decode_image(path)
    assert found.remarks == remarks
    assert found.rgb[0, 0, 0] > 250
    assert found.rgb[0, 0, 2] < 5


def save_wide(path, values):
    cv2 = pytest.importorskip('cv2')
    assert cv2.imwrite(str(path), values)


@pytest.mark.parametrize('suffix', ['png', 'tif'])
@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize(('brightest', 'remarks'), [(65535, ()), (4095, (DARK,)), (200, (DARK,))])
def test_images_of_16_bits(tmp_path, suffix, channels, brightest, remarks):
    values = np.linspace(0, brightest, 40 * 50 * channels).astype(np.uint16)
    values = values.reshape((40, 50, 3) if channels == 3 else (40, 50))
    save_wide(tmp_path / f'a.{suffix}', values)
    found = decode_image(tmp_path / f'a.{suffix}')
    assert found.remarks == remarks
    # cv2 writes BGR
    expected = values[..., ::-1] if channels == 3 else values[..., None]
    assert abs(found.rgb - expected / 257).max() <= 1


@pytest.mark.parametrize('mode', ['I;16', 'I;16B'])
def test_either_order_of_bytes(tmp_path, mode):
    Image.new(mode, (5, 4), 257 * 90).save(tmp_path / 'a.tif')
    assert (read_image(tmp_path / 'a.tif')[0] == 90).all()


@pytest.mark.parametrize(
    ('values', 'expected'),
    [((0, 0.5, 1), (0, 128, 255)), ((0, 7, 255), (0, 7, 255)), ((0, 1), (0, 255))],
)
def test_floats_of_a_known_range(tmp_path, values, expected):
    Image.fromarray(np.array([values], np.float32)).save(tmp_path / 'a.tif')
    found = decode_image(tmp_path / 'a.tif')
    assert found.rgb[0, :, 0].tolist() == list(expected)
    assert found.remarks == (FLOATS,)


@pytest.mark.parametrize('values', [(0.5, 2), (-0.1, 1), (0, 256), (0, np.nan)])
def test_floats_of_no_known_range(tmp_path, values):
    Image.fromarray(np.array([values], np.float32)).save(tmp_path / 'a.tif')
    with pytest.raises(OSError, match=r'floating-point numbers from .* to .*, of no known range'):
        read_image(tmp_path / 'a.tif')


def test_values_of_more_than_16_bits(tmp_path):
    Image.new('I', (5, 4), 70000).save(tmp_path / 'b.tif')
    with pytest.raises(OSError, match='its values are 70000 to 70000, not of 16 bits'):
        read_image(tmp_path / 'b.tif')


def test_100_million_pixels(tmp_path):
    Image.new('1', (10_000, 10_000), 1).save(tmp_path / 'a.png')
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        rgb, size = read_image(tmp_path / 'a.png', max_side=100)
    assert size == (10_000, 10_000)
    assert rgb.shape == (100, 100, 3)
    assert (rgb == 255).all()


@pytest.mark.realdata
@pytest.mark.parametrize(
    ('suffix', 'options', 'most'),
    [
        ('png', {}, 0),
        ('tif', dict(compression='tiff_lzw'), 0),
        ('bmp', {}, 0),
        ('webp', dict(lossless=True), 0),
        ('jfif', dict(format='JPEG', quality=95), 3),
        ('jpe', dict(format='JPEG', quality=95), 3),
        ('avif', dict(quality=95), 3),
        ('heic', dict(quality=95), 3),
    ],
)
def test_photographs_in_every_format(realdata_dir, tmp_path, suffix, options, most):
    if suffix == 'heic':
        pytest.importorskip('pillow_heif').register_heif_opener()
    paths = sorted(realdata_dir.glob('VOCdevkit/VOC2012/JPEGImages/*.jpg'))[::8]
    assert paths
    for path in paths:
        expected, size = read_image(path)
        image = Image.fromarray(expected)
        image.save(tmp_path / f'{path.stem}.{suffix}', **options)
        found = decode_image(tmp_path / f'{path.stem}.{suffix}', oriented=True)
        assert (found.size, found.remarks) == (size, ())
        assert abs(found.rgb.astype(int) - expected).mean() <= most


@pytest.mark.realdata
@pytest.mark.parametrize('mode', ['RGBA', 'CMYK', 'L', 'LA', 'P'])
def test_photographs_of_other_modes(realdata_dir, tmp_path, mode):
    path = sorted(realdata_dir.glob('VOCdevkit/VOC2012/JPEGImages/*.jpg'))[0]
    image = Image.open(path)
    image.convert(mode).save(tmp_path / 'a.tif')
    expected = np.asarray(image.convert(mode).convert('RGB'))
    np.testing.assert_array_equal(read_image(tmp_path / 'a.tif')[0], expected)
