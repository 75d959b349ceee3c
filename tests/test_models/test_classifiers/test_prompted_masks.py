import pytest
import torch
from mmseg.structures import SegDataSample
from tiny_prompted import painter, sample

from qaclims_mm.models.classifiers.prompted_masks import PromptedMasks
from qaclims_mm.registry import MODELS

IMAGE = torch.zeros(3, 6, 9, dtype=torch.uint8)


def make(boxes, **options):
    return MODELS.build(
        dict(type='PromptedMasks', prompting=dict(segmenter=painter(boxes), **options))
    )


def test_maps_are_the_masks():
    boxes = {'dog': (slice(0, 2), 0.9), 'cat': (slice(2, 5), 0.8)}
    [out] = make(boxes)([[IMAGE]], [sample(['cat', 'dog'])])
    assert out.cam_class_indices.tolist() == [0, 1]
    assert out.cam_high_res[:, :, 0].tolist() == [
        pytest.approx([0, 0, 0.8, 0.8, 0.8, 0]),
        pytest.approx([0.9, 0.9, 0, 0, 0, 0]),
    ]
    assert out.cam_strided.shape == (2, 2, 3)
    assert 'remark' not in out


def test_classes_that_are_not_found_are_remarked_on():
    [out] = make({'dog': (slice(0, 2), 0.9)})([[IMAGE]], [sample(['cat', 'dog'])])
    assert out.remark == 'cat not found (score 0.00, 0.0 % of the image)'
    assert not out.cam_high_res[0].any()


def test_answers_are_prompts():
    boxes = {'poodle dog': (slice(0, 2), 0.9)}
    made = sample(['dog'], answers={'dog': (['poodle dog'], [])})
    [out] = make(boxes, foreground_answers=True)([[IMAGE]], [made])
    assert out.cam_high_res[0, 0, 0] == pytest.approx(0.9)


def test_samples_without_labels_or_that_failed_are_passed_on():
    empty, failed = sample([]), SegDataSample(metainfo=dict(failed='gone'))
    out = make({})([[IMAGE], [torch.zeros(3, 1, 1)]], [empty, failed])
    assert out[0].cam_high_res.shape == (0, 6, 9)
    assert out[0].cam_strided.shape == (0, 2, 3)
    assert out[1] is failed


def test_bad_options():
    with pytest.raises(ValueError, match='has no use for background_answers'):
        make({}, background_answers=True)
    with pytest.raises(ValueError, match='PromptedMasks only predicts'):
        PromptedMasks(dict(segmenter=painter({})))([], [], mode='loss')
