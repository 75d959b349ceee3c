import os

import numpy as np
import pytest
from tiny_review import CLASSES, end_stage, square, write_masks

from qaclims_mm.review import changes
from qaclims_mm.review.changes import (
    BEFORE,
    change_rows,
    is_trained_again,
    keep_predictions,
    link_or_copy,
    measure_change,
    summary_rows,
)
from qaclims_mm.schemas import read_mask, update_metrics, write_json

STAGE = 'segment_test'


def predict(root, masks, seed=0, miou=50.0):
    """Write the predictions of a segmentor."""
    write_masks(root, STAGE, 'predictions', masks)
    update_metrics(
        root / STAGE / 'metrics.json', STAGE, {'seg/mIoU': miou, 'predictions/images': 1}
    )
    end_stage(root, STAGE, seed)


def kept(root):
    return sorted(p.stem for p in (root / BEFORE).glob('*.png'))


def test_before_and_after(tmp_path):
    assert not keep_predictions(tmp_path, ['a'], CLASSES)
    assert measure_change(tmp_path, ['a']) is None
    predict(tmp_path, {i: square(1) for i in 'abc'})
    assert keep_predictions(tmp_path, ['a'], CLASSES)
    assert kept(tmp_path) == ['a', 'b', 'c']
    # the same segmentor has not moved
    assert not is_trained_again(tmp_path)
    assert measure_change(tmp_path, ['a']) is None
    predict(tmp_path, dict(a=square(2), b=square(1), c=square(1, (5, 15), (5, 10))), 1, 60.0)
    assert is_trained_again(tmp_path)
    write_masks(tmp_path, 'corrected', '', dict(a=square(2, (5, 15), (5, 10))))
    change = measure_change(tmp_path, ['a'])
    assert change.corrected.images == 1
    assert change.corrected.ious()[1] == 0
    assert change.others.ious()[1] == pytest.approx(150 / 200)
    # dog: 300 of 1800 pixels before, 150 now, 150 the same; cat: none before
    rows = {row[0]: row[1:] for row in change_rows(change)}
    assert rows['dog'] == ['16.7', '8.3', '50.0']
    assert rows['cat'] == ['0.0', '5.6', '0.0']
    assert change_rows(change)[0][0] == 'cat'
    # the corrected mask is half of the cat
    background = 500 / 550
    assert summary_rows(change) == [
        ['seg/mIoU of the test', '50.0', '60.0', ''],
        [
            'mIoU on the 1 corrected image, which it now trains on',
            f'{100 * (background + 0 + 0) / 3:.1f}',
            f'{100 * (background + 0.5) / 2:.1f}',
            f'{100 * (1 + 0 + 0) / 3:.1f}',
        ],
        ['2 other images', '', '', f'{change.others.mean_iou():.1f}'],
    ]


def test_a_sample_of_the_images_that_nobody_has_corrected(tmp_path, monkeypatch):
    monkeypatch.setattr(changes, 'SAMPLE', 3)
    predict(tmp_path, {f'{n:02d}': square(1) for n in range(20)})
    keep_predictions(tmp_path, ['03', '07', 'of no image'], CLASSES)
    found = kept(tmp_path)
    assert len(found) == 2 + 3
    assert {'03', '07', '00', '19'} <= {*found}


def test_links_keep_what_is_replaced(tmp_path):
    predict(tmp_path, dict(a=square(1)))
    made = tmp_path / STAGE / 'predictions/a.png'
    keep_predictions(tmp_path, ['a'], CLASSES)
    assert made.samefile(tmp_path / BEFORE / 'a.png')
    predict(tmp_path, dict(a=square(2)), 1)
    assert np.array_equal(read_mask(tmp_path / BEFORE / 'a.png'), square(1))


def test_a_test_that_is_not_done_takes_nothing_away(tmp_path):
    predict(tmp_path, dict(a=square(1)))
    keep_predictions(tmp_path, ['a'], CLASSES)
    (tmp_path / STAGE / 'outputs.json').unlink()
    write_masks(tmp_path, STAGE, 'predictions', dict(a=square(2)))
    assert not keep_predictions(tmp_path, ['a'], CLASSES)
    assert np.array_equal(read_mask(tmp_path / BEFORE / 'a.png'), square(1))


@pytest.mark.parametrize(
    'content',
    ['[]', '{}', '{"segmentor": 1}', 'x', '{"segmentor": "s", "metrics": [], "classes": []}'],
)
def test_a_broken_note_is_none(tmp_path, content):
    predict(tmp_path, dict(a=square(1)))
    keep_predictions(tmp_path, ['a'], CLASSES)
    predict(tmp_path, dict(a=square(2)), 1)
    (tmp_path / BEFORE / 'before.json').write_text(content)
    assert not is_trained_again(tmp_path)
    assert measure_change(tmp_path, ['a']) is None


def test_a_segmentor_that_writes_no_masks(tmp_path):
    update_metrics(tmp_path / STAGE / 'metrics.json', STAGE, {'seg/mIoU': 10.0})
    end_stage(tmp_path, STAGE)
    assert keep_predictions(tmp_path, ['a'], CLASSES)
    update_metrics(tmp_path / STAGE / 'metrics.json', STAGE, {'seg/mIoU': 30.0})
    end_stage(tmp_path, STAGE, 1)
    change = measure_change(tmp_path, ['a'])
    assert change_rows(change) == []
    assert summary_rows(change) == [['seg/mIoU of the test', '10.0', '30.0', '']]


def test_a_file_system_without_links(tmp_path, monkeypatch):
    write_json(tmp_path / 'a.json', 1)

    def refuse(*_):
        raise OSError('no links')

    monkeypatch.setattr(os, 'link', refuse)
    link_or_copy(str(tmp_path / 'a.json'), str(tmp_path / 'b.json'))
    assert (tmp_path / 'b.json').read_text() == '1\n'
