import io

import numpy as np
from PIL import Image

from qaclims_mm.report.mask_pictures import (
    SIDE,
    jpeg_picture,
    legend_of,
    mask_picture,
    page_colours,
    small_image,
)
from qaclims_mm.schemas import IGNORE_INDEX, voc_palette

PHOTO = np.full((400, 800, 3), 90, np.uint8)


def test_small_images_keep_their_shape():
    assert small_image(PHOTO).shape == (SIDE // 2, SIDE, 3)
    assert small_image(PHOTO[:50, :60]).shape == (50, 60, 3)


def test_a_mask_of_another_size_lies_on_the_photograph():
    image = small_image(PHOTO)
    mask = np.zeros((400, 800), np.uint8)
    mask[:, 400:] = 2
    picture = mask_picture(image, mask, 'a', 'par')
    assert (picture.alt, picture.caption) == ('Mask of par on a', 'par')
    shown = np.asarray(Image.open(io.BytesIO(picture.content)))
    plain = np.asarray(Image.open(io.BytesIO(jpeg_picture(image, 'x', 'x').content)))
    assert shown.shape == image.shape
    differs = np.abs(shown.astype(int) - plain).max(axis=2) > 20
    assert differs[:, 200:].mean() > 0.3
    assert differs[:, :160].mean() < 0.01


def _lab(colour):
    """CIELAB of an RGB colour, white D65."""
    part = np.asarray(colour) / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    matrix = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    scaled = np.array(matrix) @ linear / [0.9505, 1, 1.089]
    x, y, z = np.where(scaled > 0.008856, np.cbrt(scaled), 7.787 * scaled + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_the_colours_of_twenty_classes_are_told_apart():
    colours = page_colours()
    labs = [_lab(c) for c in (*colours[:21], colours[IGNORE_INDEX])]
    nearest = [min(np.linalg.norm(a - b) for b in labs[:n]) for n, a in enumerate(labs) if n]
    assert min(nearest) > 30
    # of VOC's they are a shade of dark red
    assert min(nearest[7:20]) > 40
    voc = np.array(voc_palette()).reshape(256, 3)
    assert np.linalg.norm(_lab(voc[8]) - _lab(voc[1])) < 35
    assert (colours[:8] == voc[:8]).all()
    assert (colours[21:] == voc[21:]).all()


def test_names_and_colours_of_values():
    palette = page_colours()
    legend = legend_of({0, 1, 9, 255}, ['cat', 'dog'])
    assert [name for name, _ in legend] == ['cat', 'value 9', 'does not count']
    assert legend[0][1] == tuple(palette[1])
