import numpy as np

from qaclims_mm.schemas import IGNORE_INDEX, voc_palette
from qaclims_mm.visualization.colours import DISTINCT, page_colours


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
    labs = [_lab(c) for c in (*colours[: DISTINCT + 1], colours[IGNORE_INDEX])]
    nearest = [min(np.linalg.norm(a - b) for b in labs[:n]) for n, a in enumerate(labs) if n]
    assert min(nearest) > 30
    assert min(nearest[6:20]) > 40
    # of VOC's, the eighth is a shade of dark red
    voc = np.array(voc_palette()).reshape(256, 3)
    assert np.linalg.norm(_lab(voc[8]) - _lab(voc[1])) < 35
    assert (colours[:7] == voc[:7]).all()
    # no class is grey
    assert (np.ptp(colours[1 : DISTINCT + 1].astype(int), axis=1) > 60).all()
    assert (colours[21:] == voc[21:]).all()
