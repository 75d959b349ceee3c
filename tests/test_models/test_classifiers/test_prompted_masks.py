import re

import numpy as np
import pytest
import torch
from mmseg.structures import SegDataSample
from tiny_prompted import painter, sample
from tiny_runs import log_of, read_tiny_config

from qaclims_mm.engine.runner import build_runner, exit_status
from qaclims_mm.errors import EXIT_BAD_RECORDS
from qaclims_mm.models.classifiers.prompted_masks import PromptedMasks
from qaclims_mm.registry import MODELS
from qaclims_mm.schemas import read_mask

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
    with pytest.raises(ValueError, match='cannot use background_answers'):
        make({}, background_answers=True)
    with pytest.raises(ValueError, match='PromptedMasks only predicts'):
        PromptedMasks(dict(segmenter=painter({})))([], [], mode='loss')


def build_run(tiny, work_dir, boxes, *flags):
    steps = [dict(type='LoadRGBImage'), dict(type='LoadMask')]
    changes = {
        'test_dataloader.dataset.pipeline': [*steps, dict(type='PackWeakInputs', scales=(1.0,))],
        'test_evaluator': [
            dict(type='CAMWriter'),
            dict(type='PseudoMaskWriter', maps='cam_high_res', threshold=0.5),
            dict(type='CAMMetric', report_at=0.5),
        ],
    }
    cfg = read_tiny_config(tiny, work_dir, *flags, **changes)
    cfg.model = dict(type='PromptedMasks', prompting=dict(segmenter=painter(boxes)))
    return build_runner(cfg, 'test')


BOXES = {'dog': ([0, 1, 2], 0.9), 'train': ([4, 5], 0.7), 'cat': ([8, 9], 0.8)}


def test_a_run_writes_masks_and_lists_classes_that_were_not_found(tiny, tmp_path):
    runner = build_run(tiny, tmp_path / 'work', BOXES)
    metrics = runner.test()
    assert metrics['cams/images'] == metrics['pseudo_masks/images'] == 4
    assert 0 <= metrics['cam/mIoU'] <= 100
    # VOC's dog is class index 11
    [dog] = {*np.unique(read_mask(tmp_path / 'work/pseudo_masks/img_0.png'))} - {0}
    assert dog == 12
    log = log_of(tmp_path / 'work')
    assert '1 record has a remark:\n  img_1: dining table not found (score 0.00, ' in log
    assert 'person not found' in log
    assert exit_status(runner) == 0


def test_images_without_masks_are_bad_records(tiny, tmp_path):
    """Half precision can overflow on some images."""
    runner = build_run(tiny, tmp_path / 'work', BOXES | {'dog': ([0, 1, 2], float('nan'))})
    metrics = runner.test()
    assert metrics['pseudo_masks/failed'] == metrics['pseudo_masks/images'] == 2
    log = log_of(tmp_path / 'work')
    for image_id in ('img_0', 'img_2'):
        assert re.search(rf'  {image_id}: \S+{image_id}\.jpg: Painter must return masks in', log)
    assert '2 records could not be used:' in log
    assert exit_status(runner) == EXIT_BAD_RECORDS
