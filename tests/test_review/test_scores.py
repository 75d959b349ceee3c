import numpy as np
import pytest
from tiny_review import CLASSES, end_stage, square, write_maps, write_masks

from qaclims_mm.review.changes import keep_predictions
from qaclims_mm.review.scores import score_rows, score_stages
from qaclims_mm.schemas import file_of, write_cams, write_mask


def correct(root, **masks):
    for image_id, mask in masks.items():
        write_mask(root / f'corrected/{image_id}.png', mask)


def test_masks_against_corrected_ones(tmp_path):
    write_masks(tmp_path, 'irn_masks', 'pseudo_masks', {i: square(1) for i in 'abc'})
    assert score_stages(tmp_path) == {}
    half = square(1, (5, 15), (5, 10))
    half[0, 0] = 255
    correct(tmp_path, a=square(1), b=half, other=square(1))
    [(stage, found)] = score_stages(tmp_path).items()
    assert stage == 'irn_masks'
    dog = (100 + 50) / (100 + 100)
    background = (500 + 499) / (500 + 549)
    assert found == {
        'corrected/mIoU': pytest.approx(50 * (dog + background)),
        'corrected/images': 2.0,
    }


def test_maps_at_their_best_threshold(tmp_path):
    maps = np.zeros((1, 20, 30))
    maps[0, :10], maps[0, 10:] = 0.6, 0.3
    for image_id in 'ab':
        path = file_of(tmp_path / 'qa_clims_maps/cams', image_id, '.npz')
        write_cams(path, np.array([1]), maps[:, ::4, ::4], maps)
    # twice the size of the maps: the image was made smaller
    correct(tmp_path, a=square(2, (0, 20), (0, 60), (40, 60)))
    found = score_stages(tmp_path)['qa_clims_maps']
    assert found['corrected/mIoU'] == 100
    assert 0.3 <= found['corrected/best_threshold'] < 0.6
    correct(tmp_path, b=square(2, (0, 40), (0, 60), (40, 60)))
    both = score_stages(tmp_path)['qa_clims_maps']
    # all as cat: IoU 3/4 and 0; above 0.3: 2/3 and 1/2
    assert both['corrected/mIoU'] == pytest.approx(50 * (2 / 3 + 1 / 2))


def test_a_segmentor_that_was_trained_on_them_is_marked(tmp_path):
    write_masks(tmp_path, 'segment_test', 'predictions', dict(a=square(1)))
    end_stage(tmp_path, 'segment_test')
    correct(tmp_path, a=square(1))
    keep_predictions(tmp_path, ['a'], CLASSES)
    assert score_stages(tmp_path)['segment_test']['corrected/mIoU'] == 100
    end_stage(tmp_path, 'segment_test', seed=1)
    found = score_stages(tmp_path)
    assert found == dict(segment_test={'corrected/mIoU_training': 100, 'corrected/images': 1})
    rows = score_rows(found | dict(x={'cam/mIoU': 1.0}), dict(segment_test='the segmentor'))
    assert rows == [['the segmentor', '', '100.0', '1']]


def test_maps_without_any_class(tmp_path):
    write_maps(tmp_path, 'a', square(0))
    correct(tmp_path, a=square(1))
    # the background is right on 500 of 600 pixels, the dog nowhere
    assert score_stages(tmp_path)['qa_clims_maps']['corrected/mIoU'] == pytest.approx(250 / 6)
