import base64
import io
import re

import numpy as np
from PIL import Image

from qaclims_mm.inference.markup import SHOWN_SIDE, escaped, picture_html


def test_names_are_data():
    assert escaped('</script>\n"x"') == '&lt;/script&gt;\\n&quot;x&quot;'


def test_a_picture_holds_its_pixels():
    pixels = np.random.default_rng(0).integers(0, 256, (3, 5, 3), np.uint8)
    text = picture_html(pixels, 'x')
    [code] = re.findall(r'base64,([^"]*)"', text)
    found = np.asarray(Image.open(io.BytesIO(base64.b64decode(code))))
    assert np.array_equal(found, pixels)


def test_a_large_picture_is_made_smaller():
    [code] = re.findall(r'base64,([^"]*)"', picture_html(np.zeros((900, 1800, 3), np.uint8), ''))
    size = Image.open(io.BytesIO(base64.b64decode(code))).size
    assert size == (SHOWN_SIDE, SHOWN_SIDE // 2)
