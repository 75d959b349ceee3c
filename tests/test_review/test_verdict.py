from dataclasses import replace

import pytest

from qaclims_mm.review.verdict import choose, verdict
from qaclims_mm.schemas.numbers.comparison import Agreement, Behind, ComparedMasks, Comparison


def row(name, miou=None, behind=None, note=''):
    return ComparedMasks(name, name, miou, (), behind and Behind(*behind), note)


def compared(*rows, judged=300, corrected=0, agreement=()):
    return Comparison(['background', 'cat'], 300, judged, corrected, rows, agreement)


def test_a_sure_winner():
    found = compared(row('par', 60.04), row('irn', 55, (5.04, 4, 6.1)), row('sam', 50, (10, 9, 11)))
    assert choose(found).masks_by == 'par'
    [text] = verdict(found)
    assert text == (
        'Take the masks by par: 60.0 mIoU on 300 images. They are 5.0 points above those by irn '
        '(95 % interval 4.0 to 6.1). Another draw of such images would very likely give the same '
        'best masks.'
    )


@pytest.mark.parametrize(
    ('rows', 'close', 'names'),
    [
        (
            [row('irn', 59, (1, -0.5, 2.5)), row('sam', 50, (10, 9, 11))],
            'interval of the difference to those by irn includes 0',
            'par and irn',
        ),
        (
            [row('irn', 60, (0, 0, 0)), row('sam', 59, (1, -1, 3))],
            'intervals of the differences to those by irn and sam include 0',
            'par, irn and sam',
        ),
        # the second is surely worse; the interval of the third is wider
        (
            [row('irn', 59, (1, 0.2, 1.8)), row('sam', 58, (2, -0.5, 4.5))],
            'interval of the difference to those by sam includes 0',
            'par and sam',
        ),
        (
            [row('irn', 59, (1, 0.2, 2)), row('sam', 58, (2, 0, 4)), row('p', 57, (3, -1, 7))],
            'intervals of the differences to those by sam and p include 0',
            'par, sam and p',
        ),
        (
            [row('sam', 59, (1, 0.2, 2)), row('p', 58, (2, -1, 5), note='random weights')],
            'very likely give the same best masks',
            '',
        ),
    ],
)
def test_all_masks_that_the_images_cannot_separate_are_named(rows, close, names):
    [text] = verdict(compared(row('par', 60), *rows))
    assert f'They are {rows[0].behind.points:.1f} points above those by {rows[0].masks_by}' in text
    assert close in text
    end = f'these images cannot separate {names}: take the one that costs least.'
    assert text.endswith(end) == bool(names)
    assert ('very likely' in text) != bool(names)


def made_with(name, miou, behind, *models):
    return replace(row(name, miou, behind), mask_models=models)


def test_models_that_were_trained_with_masks_are_named():
    mini = 'miniworld://clipseg'
    rows = (
        made_with('prompted+maps', 60, None, mini),
        made_with('irn', 55, (5, 4, 6)),
        made_with('prompted', 50, (10, 9, 11), mini),
        made_with('par', 50, (10, 9, 11)),
    )
    _, text = verdict(compared(*rows))
    assert text == (
        'The masks by prompted+maps and prompted were made with miniworld://clipseg (masks of '
        'MiniWorld pictures with other seeds), which was trained with masks. The training for '
        'those by irn and par used no masks. Of these, irn is best: 55.0 mIoU.'
    )


def test_models_of_several_kinds_and_no_ground_truth():
    rows = (
        made_with('prompted', None, None, 'IDEA/dino', 'facebook/sam'),
        made_with('sam', None, None, 'my\nsam'),
    )
    pairs = [Agreement('prompted', 'sam', 80, [])]
    text = verdict(compared(*rows, judged=0, agreement=pairs))[-1]
    assert text == (
        'The masks by prompted were made with IDEA/dino and facebook/sam, which were trained with '
        "masks. The masks by sam were made with 'my\\nsam', which was trained with masks."
    )


def test_few_images_and_corrected_ones():
    found = compared(row('par', 60), row('irn', 50, (10, 5, 15)), judged=12, corrected=3)
    _, few, corrected = verdict(found)
    assert few.startswith('Only 12 images have ground truth')
    assert corrected.startswith('The ground truth of 3 images is a mask that was corrected')


def test_random_weights_are_never_advised():
    found = compared(row('sam', 61, (-1, -2, 0), note='random weights'), row('par', 60))
    assert choose(found).masks_by == 'par'
    assert verdict(found)[0].endswith('No other masks could be compared with them.')
    alone = compared(row('sam', 61, note='random weights'))
    assert choose(alone) is None
    assert verdict(alone) == ['None of these masks can be recommended: sam: random weights.']


def test_agreement_is_not_correctness():
    pairs = [Agreement('irn', 'par', 80, []), Agreement('irn', 'sam', 40, [])]
    found = compared(row('irn'), row('par'), row('sam'), judged=0, agreement=pairs)
    first, second = verdict(found)
    assert 'Agreement is not correctness' in first
    assert second == (
        'The masks by irn and par agree most (80 mIoU), those by irn and sam least (40).'
    )
