import io

import numpy as np
from PIL import Image

from qaclims_mm.report.mask_pictures import (
    SIDE,
    jpeg_picture,
    legend_of,
    mask_picture,
    small_image,
)
from qaclims_mm.visualization.colours import page_colours

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


def test_names_and_colours_of_values():
    palette = page_colours()
    legend = legend_of({0, 1, 9, 255}, ['cat', 'dog'])
    assert [name for name, _ in legend] == ['cat', 'value 9', 'does not count']
    assert legend[0][1] == tuple(palette[1])
