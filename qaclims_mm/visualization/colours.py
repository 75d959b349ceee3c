"""Colours of classes on pages, the same in masks, legends and labels."""

import numpy as np

from qaclims_mm.schemas import voc_palette

# values whose colours differ well from each other
DISTINCT = 20
# Colours of the values 7 to 20. VOC's 7 is a grey that nobody sees on asphalt or a sheep, and its
# others are shades of those of 1 to 6, such as two dark reds. Each of these has a CIELAB distance
# of at least 40 to all earlier ones.
_COLOURS = (
    'f00020 ff8000 00ff00 ffff00 0000ff 00ffc0 ff00ff ff0080 '
    '0080ff c0ff80 40c0ff ff8080 ffc0ff 004080'
)


def page_colours() -> np.ndarray:
    """Return the colours of the values of masks on pages, RGB uint8 ``(256, 3)``."""
    colours = np.array(voc_palette(), dtype=np.uint8).reshape(256, 3)
    distinct = [[*bytes.fromhex(text)] for text in _COLOURS.split()]
    colours[DISTINCT + 1 - len(distinct) : DISTINCT + 1] = distinct
    return colours
