import json

import torch
from tiny_models import RITC, SEGMENTOR

from qaclims_mm.engine.config import read_config
from qaclims_mm.exchange.onnx.graphs import MapsGraph, SegmentorGraph
from qaclims_mm.exchange.onnx.metadata import metadata_of
from qaclims_mm.inference import CAMInferencer, Segmenter
from qaclims_mm.paths import config_file

NAMES = ['{texts}', '</script>', 'a/b', 'None', '[/b]', '=1', 'é', 'ж']


def test_names_and_reading_of_a_segmentor():
    cfg = read_config(config_file(SEGMENTOR))
    dataset = cfg.test_dataloader.dataset
    dataset.classes = NAMES
    dataset.pipeline[0].update(max_side=640, oriented=True)
    resize = dict(type='Resize', scale=(2048, 512), keep_ratio=True)
    dataset.pipeline = [dataset.pipeline[0], resize, *dataset.pipeline[1:]]
    segmenter = Segmenter(cfg, None, 'cpu')
    graph = SegmentorGraph(segmenter.model)
    found = metadata_of(segmenter, graph, 20)
    values = {key: json.loads(value) for key, value in found.items()}
    assert values['classes'] == ['background', *NAMES]
    assert (values['max_side'], values['oriented']) == (640, True)
    assert values['resize'] == [dict(scale=[2048, 512], keep_ratio=True)]
    assert values['palette'][:2] == [[0, 0, 0], [128, 0, 0]]
    assert values['channel_order'] == ('RGB' if graph.takes_rgb else 'BGR')
    assert torch.equal(torch.tensor(values['mean']), graph.mean.flatten())
    assert values['opset'] == 20


def test_maps_have_a_threshold_and_no_scores_without_a_classifier():
    cams = CAMInferencer(read_config(config_file(RITC)), None, 'cpu')
    found = metadata_of(cams, MapsGraph(cams.model), 20)
    assert json.loads(found['threshold']) == 0.25
    assert 'scores' not in json.loads(found['output'])
    # larger ones were never asked for
    assert json.loads(found['max_side']) == 1024
