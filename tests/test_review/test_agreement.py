import pytest

from qaclims_mm.review.agreement import agreement_of_classes, pairs_of
from qaclims_mm.review.findings import Reviewed

MAP, IRN, SEGMENTOR = 'the map', 'IRN', 'the segmentor'
REVIEWED = [
    Reviewed('a', 0.1, '', {(MAP, IRN): {0: 0.8, 1: 0.2}, (MAP, SEGMENTOR): {0: 0.6}}),
    Reviewed('b', 0.2, '', {(MAP, IRN): {0: 0.4}}),
    Reviewed('c', 0.3, '', {(MAP, IRN): {}}),
    Reviewed('d', 0.9, 'no stage has made a mask of the image'),
]


def test_the_class_of_the_least_agreement_is_first():
    cat, dog = agreement_of_classes(REVIEWED)
    assert (cat.k, cat.images) == (1, 1)
    assert cat.ious == {(MAP, IRN): 0.2}
    assert (dog.k, dog.images) == (0, 2)
    assert dog.ious == {(MAP, IRN): pytest.approx(0.6), (MAP, SEGMENTOR): 0.6}


def test_pairs_that_have_masks_of_the_same_image():
    assert pairs_of(REVIEWED, [MAP, IRN, SEGMENTOR]) == [(MAP, IRN), (MAP, SEGMENTOR)]
    assert pairs_of(REVIEWED[3:], [MAP, IRN]) == []


def test_nothing_to_compare():
    assert agreement_of_classes(REVIEWED[2:]) == []
