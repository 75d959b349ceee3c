import numpy as np

from qaclims_mm.demo.found import Explained, Found


def test_masks_of_many_classes():
    image = np.zeros((1, 2, 3), np.uint8)
    maps = np.array([[[0.9, 0.0]]], np.float32)
    found = Found(image, (1, 2), ('far',), np.array([700]), maps, maps)
    mask = found.mask(0.5, refined=True)
    assert mask.dtype == np.uint16
    assert mask.tolist() == [[701, 0]]
    near = Found(image, (1, 2), ('near',), np.array([3]), maps, maps)
    assert near.mask(0.5, False).dtype == np.uint8


def test_sizes_count_each_array_once():
    image, maps = np.zeros((4, 6, 3), np.uint8), np.zeros((2, 4, 6), np.float32)
    found = Found(image, (4, 6), ('a', 'b'), np.array([0, 1]), maps, maps)
    assert found.nbytes == 72 + 192
    segmented = np.zeros((4, 6), np.uint16)
    more = Found(image, (4, 6), ('a', 'b'), np.array([0, 1]), maps, maps.copy(), segmented)
    assert more.nbytes == 72 + 2 * 192 + 48
    assert Explained(more, ()).nbytes == more.nbytes
