import numpy as np
import pytest
import torch
from contracts import noise
from segment_contract import TEXTS, SegmenterContract
from tiny_segmenters import CLIPSEG, make_clipseg

from qaclims_mm.errors import ConfigError
from qaclims_mm.vlms.segment.clipseg import CLIPSegSegmenter

transformers = pytest.importorskip('transformers')


class TestCLIPSeg(SegmenterContract):
    name = 'CLIPSegSegmenter'
    config = CLIPSEG
    options = dict(image_size=48)

    write = staticmethod(make_clipseg)

    def vision(self, segmenter):
        return segmenter._network.clip.vision_model


def test_masks_are_those_of_transformers(tmp_path):
    make_clipseg(tmp_path)
    image = noise(48, 48)
    found = CLIPSegSegmenter(str(tmp_path), image_size=48).segment(image, TEXTS)
    network = transformers.CLIPSegForImageSegmentation.from_pretrained(tmp_path).eval()
    tokens = transformers.AutoTokenizer.from_pretrained(tmp_path)(
        TEXTS, padding=True, return_tensors='pt'
    )
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    pixels = torch.from_numpy((image / 255 - mean) / std).float().permute(2, 0, 1)
    with torch.no_grad():
        logits = network(
            input_ids=tokens['input_ids'],
            attention_mask=tokens['attention_mask'],
            pixel_values=pixels.expand(4, -1, -1, -1),
        ).logits
    torch.testing.assert_close(found.masks, logits.sigmoid(), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found.scores, logits.sigmoid().amax((1, 2)), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize('name', ['image_size', 'text_batch'])
@pytest.mark.parametrize('value', [0, -1, 2.5, '64', True])
def test_numbers_out_of_range(name, value):
    with pytest.raises(ConfigError, match=rf'^{name} must be a whole number of at least 1, but go'):
        CLIPSegSegmenter('nowhere', **{name: value})


def test_sizes_that_do_not_fit_the_patches(tmp_path):
    make_clipseg(tmp_path)
    with pytest.raises(ConfigError, match=r'image_size must be a multiple of the patch size \d+'):
        CLIPSegSegmenter(str(tmp_path), image_size=47).load()


def test_no_weights_before_it_is_asked():
    assert CLIPSegSegmenter('nowhere')._network is None
