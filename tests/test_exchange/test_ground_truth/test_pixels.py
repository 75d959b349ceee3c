import numpy as np
import pytest
from PIL import Image

from qaclims_mm.errors import DataError
from qaclims_mm.exchange.ground_truth.pixels import colour_of, read_pixels, symbol_of

VALUES = np.array([[0, 1, 1], [0, 2, 255]], np.uint8)


def save(path, array, mode=None, **options):
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(path, **options)
    return path


@pytest.mark.parametrize('suffix', ['png', 'bmp', 'tif'])
def test_grey_numbers(tmp_path, suffix):
    pixels = read_pixels(save(tmp_path / f'a.{suffix}', VALUES))
    np.testing.assert_array_equal(pixels.symbols, VALUES)
    assert not pixels.coloured
    assert pixels.plain == (suffix == 'png')
    assert pixels.count_symbols() == {0: 2, 1: 2, 2: 1, 255: 1}


@pytest.mark.parametrize('dtype', [bool, np.uint16, np.int32, np.float32])
@pytest.mark.parametrize('suffix', ['png', 'tif'])
def test_numbers_of_other_types(tmp_path, dtype, suffix):
    if suffix == 'png' and dtype in (np.float32, np.int32):
        pytest.skip('PNG has no such numbers')
    values = VALUES.astype(dtype)
    pixels = read_pixels(save(tmp_path / f'a.{suffix}', values))
    np.testing.assert_array_equal(pixels.symbols, values.astype(np.int32))
    assert not pixels.coloured


def test_a_palette_has_numbers_and_colours(tmp_path):
    values = np.minimum(VALUES, 2)
    image = Image.fromarray(values).convert('P')
    image.putpalette([0, 0, 0, 200, 100, 50, 9, 8, 7])
    image.save(tmp_path / 'a.png')
    pixels = read_pixels(tmp_path / 'a.png')
    np.testing.assert_array_equal(pixels.symbols, values)
    assert colour_of(pixels.as_colours()[0, 1]) == (200, 100, 50)
    assert pixels.as_colours()[1, 1] == symbol_of(9, 8, 7)


def test_the_numbers_of_a_gif_say_nothing(tmp_path):
    pixels = read_pixels(save(tmp_path / 'a.gif', VALUES))
    assert pixels.coloured
    np.testing.assert_array_equal(pixels.symbols, VALUES.astype(int) * 0x010101)


@pytest.mark.parametrize('mode', ['RGB', 'RGBA'])
def test_colours(tmp_path, mode):
    colours = np.array([[[0, 0, 0], [128, 0, 64]]], np.uint8)
    pixels = read_pixels(save(tmp_path / 'a.png', colours, mode))
    assert pixels.coloured
    assert pixels.symbols.tolist() == [[0, symbol_of(128, 0, 64)]]


@pytest.mark.parametrize(
    ('values', 'alpha', 'expected'),
    [
        ((0, 1, 2), (255, 255, 255), (0, 1, 2)),
        ((0, 1, 2), (0, 255, 255), (0, 1, 2)),
        # white that is transparent, beside nothing that is white or black
        ((255, 1, 2), (0, 255, 255), (0, 1, 2)),
    ],
)
def test_transparency_that_says_nothing_more(tmp_path, values, alpha, expected):
    array = np.array([list(zip(values, alpha, strict=True))], np.uint8)
    pixels = read_pixels(save(tmp_path / 'a.png', array))
    assert pixels.symbols.tolist() == [list(expected)]


@pytest.mark.parametrize(
    ('values', 'alpha', 'message'),
    [
        ((5, 1, 0), (0, 255, 255), 'is transparent where it has colours'),
        ((5, 6, 1), (0, 0, 255), 'is transparent where it has colours'),
        ((0, 1, 1), (0, 1, 2), 'its last channel holds 3 values, such as 1; if these number the'),
    ],
)
def test_two_channels_that_both_say_something(tmp_path, values, alpha, message):
    array = np.array([list(zip(values, alpha, strict=True))], np.uint8)
    with pytest.raises(DataError, match=rf'a\.png: {message}'):
        read_pixels(save(tmp_path / 'a.png', array))


@pytest.mark.parametrize(
    ('array', 'options', 'message'),
    [
        (VALUES, dict(format='JPEG'), 'is JPEG, whose colours are not exact; export the masks'),
        (VALUES, dict(format='WEBP', mode='RGB'), 'is WEBP, whose colours are not exact'),
        (np.array([[0, 0.5]], np.float32), {}, 'numbers from 0 to 0.5 that are not whole'),
        (np.array([[0, np.nan]], np.float32), {}, 'numbers from nan to nan that are not whole'),
        (np.array([[-1, 0]], np.int32), {}, 'holds the number -1; a class has a positive one'),
        (np.array([[2**30, 0]], np.int32), {}, 'too large for a class'),
        (np.zeros((2, 2, 3), np.uint8), dict(mode='CMYK'), 'its mode is CMYK; export it as PNG'),
    ],
)
def test_what_is_no_mask(tmp_path, array, options, message):
    options = {'format': 'TIFF', **options}
    with pytest.raises(DataError, match=rf'a\.x: .*{message}'):
        read_pixels(save(tmp_path / 'a.x', array, **options))


def test_photographs_pages_and_broken_files(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (80, 80, 3), np.uint8)
    with pytest.raises(DataError, match=r'has 6,\d+ different colours; is it a photograph'):
        read_pixels(save(tmp_path / 'a.png', noise))
    page = Image.fromarray(VALUES)
    page.save(tmp_path / 'b.tif', save_all=True, append_images=[page])
    with pytest.raises(DataError, match=r'b\.tif: has several pages; a mask has one'):
        read_pixels(tmp_path / 'b.tif')
    (tmp_path / 'c.png').write_bytes(b'no mask')
    with pytest.raises(DataError, match=r'c\.png is not a readable mask \(it is no image'):
        read_pixels(tmp_path / 'c.png')
