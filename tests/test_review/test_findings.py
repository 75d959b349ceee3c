import numpy as np
import pytest
from tiny_review import CLASSES, SIZE, square, write_maps, write_masks

from qaclims_mm.review.findings import Candidate, review_image
from qaclims_mm.review.sources import find_sources


def review(root, labels=(0,), image_id='a', **masks):
    """Review an image of which stages have made masks."""
    folders = dict(irn=('irn_masks', 'pseudo_masks'), segmentor=('segment_test', 'predictions'))
    for name, (stage, made) in folders.items():
        (root / stage / made).mkdir(parents=True, exist_ok=True)
        if name in masks:
            write_masks(root, stage, made, {image_id: masks[name]})
    if 'maps' in masks:
        write_maps(root, image_id, masks['maps'])
    return review_image(Candidate(image_id, labels), find_sources(root), CLASSES)


def test_masks_that_agree(tmp_path):
    found = review(tmp_path, maps=square(), irn=square(), segmentor=square())
    assert found.score == 0
    assert found.reason == 'nothing stands out'
    assert set(found.agreement.values()) == {1.0}
    assert found.mean_agreement == 1
    assert review(tmp_path / 'one', irn=square()).mean_agreement is None
    assert found.areas['IRN'] == {0: 100 / 600}


def test_disagreement_is_named_by_its_worst_class(tmp_path):
    one, other = square(1), square(1)
    one[16:18, 20:28], other[16:18, 20:22] = 2, 2
    found = review(tmp_path, (0, 1), irn=one, segmentor=other)
    assert found.agreement == {('IRN', 'the segmentor'): pytest.approx((1 + 4 / 16) / 2)}
    assert found.score == pytest.approx(0.85 * (1 - (1 + 4 / 16) / 2))
    assert found.reason == 'IRN and the segmentor agree on 25 % of the cat'


def test_a_small_object_counts_as_much_as_a_large_one(tmp_path):
    one = square(1, (0, 12), (0, 30))
    large, small = one.copy(), one.copy()
    one[15, 15], large[15, 15] = 2, 2
    large[:12, 10:] = 0
    # one pixel of the cat against two thirds of the dog
    of_small = review(tmp_path / 's', (0, 1), irn=one, segmentor=small)
    of_large = review(tmp_path / 'l', (0, 1), irn=one, segmentor=large)
    assert of_small.agreement['IRN', 'the segmentor'] == pytest.approx(0.5)
    assert of_large.agreement['IRN', 'the segmentor'] == pytest.approx(2 / 3)
    assert of_small.score > of_large.score


CASES = {
    'no file': ((0,), {}, 0.9, 'no stage has made a mask of the image'),
    'only the segmentor': ((0,), dict(segmentor=square()), 0.9, 'IRN has no mask of the image'),
    'nothing marked': (
        (0, 1),
        dict(irn=square(0)),
        0.9,
        'IRN marks nothing, but the image has dog, cat',
    ),
    'one label of two': ((0, 1), dict(irn=square()), 0.7, 'IRN marks no cat, which is a label'),
    'no label': (
        (0,),
        dict(irn=square(1) + square(3, (5, 15), (20, 30))),
        0.5,
        'IRN marks 17 % of the image as car, which is no label',
    ),
    'an unlabelled image': (
        (),
        dict(irn=square(2)),
        1.0,
        'IRN marks 17 % of the image as cat, which is no label',
    ),
    'all of it': ((0,), dict(irn=np.ones(SIZE)), 0.8, '100 % of the image is foreground in IRN'),
    'a value of no class': (
        (0,),
        dict(irn=square(1) + square(9, (0, 2), (0, 2))),
        4 / 104,
        'IRN marks less than 1 % of the image as class of value 9, which is no label',
    ),
    'an empty image without labels': ((), dict(irn=square(0)), 0, 'nothing stands out'),
}


@pytest.mark.parametrize('case', CASES)
def test_what_stands_out(tmp_path, case):
    labels, masks, score, reason = CASES[case]
    found = review(tmp_path, labels, **masks)
    assert found.reason == reason
    assert found.score == pytest.approx(score)


def test_the_newest_mask_decides(tmp_path):
    masks = dict(maps=square(2), irn=square(2), segmentor=square(1))
    found = review(tmp_path, (0,), **masks)
    assert found.reason == 'IRN marks the cat, but the segmentor does not'
    # of what the map and IRN mark beyond the labels nothing is left
    assert found.score == pytest.approx(0.85 * (1 - np.mean([*found.agreement.values()])))


def test_findings_combine(tmp_path):
    only = review(tmp_path / 'one', (0, 1), irn=square())
    both = review(tmp_path / 'two', (0, 1), irn=square() + square(3, (5, 15), (20, 30)))
    assert both.score == pytest.approx(1 - (1 - only.score) * 0.5)


def test_a_broken_file_comes_first(tmp_path):
    review(tmp_path, irn=square())
    (tmp_path / 'irn_masks/pseudo_masks/a.png').write_bytes(b'\x89PNG')
    found = review(tmp_path)
    assert found.score == 1
    assert found.reason.startswith(f'a mask cannot be read: {tmp_path}')


def test_a_hostile_class_is_one_line(tmp_path):
    write_masks(tmp_path, 'irn_masks', 'pseudo_masks', dict(a=square(0)))
    name = '</script>\n[/b]\x1b' + 'x' * 300
    found = review_image(Candidate('a', (0,)), find_sources(tmp_path), [name])
    assert '\n' not in found.reason
    assert '\x1b' not in found.reason
    assert len(found.reason) < 100
