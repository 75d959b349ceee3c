import math
import tracemalloc

import numpy as np
import pytest
from tiny_review import CLASSES, SIZE, square, write_masks

from qaclims_mm.errors import FormatError
from qaclims_mm.review.comparing import Candidate, Option, compare_masks
from qaclims_mm.review.sources import MaskSource
from qaclims_mm.schemas import write_mask

IDS = ('a', 'b', 'sub/c', 'd')


def truth_of(image_id):
    mask = square(1 + IDS.index(image_id) % 2)
    # does not count
    mask[0] = 255
    return mask


def moved(mask, pixels):
    return np.roll(np.where(mask == 255, 0, mask), pixels, axis=1)


@pytest.fixture
def options(tmp_path):
    """Masks that are right, that are moved a little, and that are moved further."""
    found = []
    for name, pixels in (('irn', 1), ('par', 0), ('sam', 4)):
        write_masks(tmp_path, name, 'm', {i: moved(truth_of(i), pixels) for i in IDS})
        found.append(Option(name, MaskSource(name, f'{name}_masks', tmp_path / name / 'm')))
    return found


@pytest.fixture
def images(tmp_path):
    for image_id in IDS:
        (tmp_path / 'truth/sub').mkdir(parents=True, exist_ok=True)
        write_mask(tmp_path / f'truth/{image_id}.png', truth_of(image_id))
    return [Candidate(i, tmp_path / f'truth/{i}.png') for i in IDS]


def iou_by_hand(masks, truths, value):
    both = sum(int(((m == value) & (t == value)).sum()) for m, t in zip(masks, truths, strict=True))
    union = sum(
        int((((m == value) | (t == value)) & (t != 255)).sum())
        for m, t in zip(masks, truths, strict=True)
    )
    return 100 * both / union


def test_the_best_come_first_and_ious_are_those_of_the_definition(options, images):
    found = compare_masks(options, images, CLASSES).comparison
    assert [m.masks_by for m in found.masks] == ['par', 'irn', 'sam']
    assert (found.images, found.judged, found.corrected) == (4, 4, 0)
    assert found.names == ['background', *CLASSES]
    truths = [truth_of(i) for i in IDS]
    for masks, pixels in zip(found.masks, (0, 1, 4), strict=True):
        made = [moved(t, pixels) for t in truths]
        by_hand = [iou_by_hand(made, truths, v) for v in range(3)]
        assert masks.ious[:3] == pytest.approx(by_hand)
        # nobody has a car
        assert masks.ious[3] is None
        assert masks.miou == pytest.approx(np.mean(by_hand))
    assert found.masks[0].miou == 100
    assert found.masks[2].worst(found.names) == ('cat', pytest.approx(min(by_hand)))


def test_how_far_the_others_are_behind(options, images):
    best, second, third = compare_masks(options, images, CLASSES).comparison.masks
    assert best.behind is None
    assert second.behind.points == pytest.approx(100 - second.miou)
    assert second.behind.low - 1e-6 < second.behind.points < second.behind.high + 1e-6
    assert second.behind.is_sure
    assert third.behind.low > second.behind.high


def test_masks_that_cannot_be_taken_are_not_the_best(options, images):
    options[1] = options[1]._replace(note='random weights')
    first, best, _ = compare_masks(options, images, CLASSES).comparison.masks
    assert (first.masks_by, best.masks_by) == ('par', 'irn')
    assert best.behind is None
    assert first.behind.points < 0


def test_equal_masks_are_not_told_apart(options, images):
    twice = [options[0], options[0]._replace(masks_by='par')]
    _, other = compare_masks(twice, images, CLASSES).comparison.masks
    assert (other.behind.points, other.behind.low, other.behind.high) == (0, 0, 0)
    assert not other.behind.is_sure


def test_agreement_of_each_two(options, images):
    compared = compare_masks(options, images, CLASSES)
    pairs = {(a.one, a.other): a for a in compared.comparison.agreement}
    assert set(pairs) == {('irn', 'par'), ('irn', 'sam'), ('par', 'sam')}
    one, other = ([moved(truth_of(i), p) for i in IDS] for p in (1, 4))
    by_hand = [iou_by_hand(one, other, v) for v in range(3)]
    assert pairs['irn', 'sam'].ious[:3] == pytest.approx(by_hand)
    assert pairs['irn', 'sam'].miou == pytest.approx(np.mean(by_hand))
    assert set(compared.closeness) == set(IDS)
    assert all(0 < closeness < 1 for closeness in compared.closeness.values())


def test_without_ground_truth(options):
    found = compare_masks(options, [Candidate(i) for i in IDS], CLASSES).comparison
    assert (found.images, found.judged) == (4, 0)
    assert {m.miou for m in found.masks} == {None}
    assert [m.masks_by for m in found.masks] == ['irn', 'par', 'sam']
    assert found.agreement[0].miou > found.agreement[1].miou


def test_some_ground_truth_and_masks_that_lack_images(options, images, tmp_path):
    (tmp_path / 'sam/m/b.png').unlink()
    mixed = [images[0]._replace(is_corrected=True), *images[1:3], Candidate('d')]
    found = compare_masks(options, mixed, CLASSES).comparison
    # of b one has no mask, so nobody is judged on it
    assert (found.images, found.judged, found.corrected) == (3, 2, 1)
    (tmp_path / 'par/m').rename(tmp_path / 'gone')
    with pytest.raises(FormatError, match='no image has a mask of each of irn_masks, par_masks'):
        compare_masks(options, mixed, CLASSES)


def test_masks_of_another_size_and_of_other_classes(options, images, tmp_path):
    write_mask(tmp_path / 'par/m/a.png', np.kron(moved(truth_of('a'), 0), np.ones((2, 2), int)))
    assert compare_masks(options, images, CLASSES).comparison.masks[0].miou == 100
    write_mask(tmp_path / 'par/m/a.png', np.full(SIZE, 9))
    with pytest.raises(
        FormatError, match=r'par/m/a\.png has value 9, but the number of classes is 3'
    ):
        compare_masks(options, images, CLASSES)


def test_one_choice_alone_and_nothing_marked(options, images):
    found = compare_masks(options[:1], images, CLASSES)
    assert found.comparison.agreement == []
    assert not any(math.isnan(c) for c in found.closeness.values())


def test_the_pairs_of_all_images_are_never_held_at_once(options, images):
    many = [f'class {i}' for i in range(20_000)]
    of_an_image = len(options) * (len(options) - 1) // 2 * 3 * (len(many) + 1) * 8
    peaks = []
    for number in (2, 4):
        tracemalloc.start()
        compare_masks(options, [i._replace(truth=None) for i in images[:number]], many)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 0.5 * of_an_image
