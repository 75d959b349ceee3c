import numpy as np
import pytest
import torch
from tiny_models import CLASSIFIER, RITC, SEGMENTOR

from qaclims_mm.engine.config import read_config
from qaclims_mm.exchange.onnx.graphs import MapsGraph, SegmentorGraph
from qaclims_mm.inference import CAMInferencer, Segmenter
from qaclims_mm.paths import config_file

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 45, 62, 3), np.uint8)
IMAGES = torch.from_numpy(PIXELS.transpose(0, 3, 1, 2).copy())


@pytest.mark.parametrize('turned', [True, False])
@pytest.mark.parametrize('divisor', [None, 32])
def test_a_segmentor_sees_what_it_sees_in_a_run(turned, divisor):
    cfg = read_config(config_file(SEGMENTOR))
    cfg.model.data_preprocessor.update(bgr_to_rgb=turned, mean=[9, 80, 150], std=[50, 60, 70])
    if divisor:
        cfg.model.data_preprocessor.test_cfg = dict(size_divisor=divisor)
    torch.manual_seed(0)
    segmenter = Segmenter(cfg, None, 'cpu')
    graph = SegmentorGraph(segmenter.model).eval()
    with torch.no_grad():
        logits, masks = graph(IMAGES)
    assert logits.shape == (2, 9, 45, 62)
    for pixels, mask in zip(PIXELS, masks, strict=True):
        assert np.mean(segmenter.segment(pixels).mask == mask.numpy()) > 0.999


@pytest.mark.parametrize('name', [CLASSIFIER, RITC])
def test_maps_are_those_of_one_scale(name):
    torch.manual_seed(0)
    cams = CAMInferencer(read_config(config_file(name)), None, 'cpu')
    cams.pipeline.scales = (1.0,)
    graph = MapsGraph(cams.model).eval()
    with torch.no_grad():
        maps, *scores = graph(IMAGES)
    assert len(scores) == (name == CLASSIFIER)
    for pixels, found in zip(PIXELS, maps, strict=True):
        [wanted] = cams(pixels)['predictions']
        np.testing.assert_allclose(found.numpy(), wanted['cams'], atol=1e-4)
