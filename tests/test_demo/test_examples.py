import numpy as np

from qaclims_mm.demo.examples import SIZE, draw_example, draw_examples
from qaclims_mm.miniworld import CLASSES


def test_examples_are_small_differ_and_are_the_same_each_time():
    first, following = draw_examples(0, 6), draw_examples(7, 6)
    assert len({example.classes for example in first}) == 6
    assert [example.index for example in following] >= [7]
    for example in first:
        assert example.pixels.shape == (SIZE, SIZE, 3)
        assert set(example.classes) <= set(CLASSES)
        assert example.caption == ', '.join(example.classes)
    draw_example.cache_clear()
    again = draw_examples(0, 6)
    assert again[3] is not first[3]
    np.testing.assert_array_equal(again[3].pixels, first[3].pixels)


def test_few_are_kept():
    draw_examples(0, 20)
    assert draw_example.cache_info().maxsize * SIZE**2 * 3 < 3e6
