import numpy as np
import pytest
import torch
from contracts import noise
from segment_contract import TEXTS, SegmenterContract
from tiny_segmenters import SAM3, make_sam3

from qaclims_mm.errors import ConfigError
from qaclims_mm.vlms.segment.sam3 import Sam3Segmenter

transformers = pytest.importorskip('transformers')


class TestSam3(SegmenterContract):
    name = 'Sam3Segmenter'
    config = SAM3
    write = staticmethod(make_sam3)

    def vision(self, segmenter):
        return segmenter._network.vision_encoder


class TestSam3Semantic(TestSam3):
    options = dict(head='semantic')


@pytest.mark.parametrize('head', ['instances', 'semantic'])
def test_masks_are_those_of_transformers(tmp_path, head):
    make_sam3(tmp_path)
    image = noise(56, 56)
    found = Sam3Segmenter(str(tmp_path), head=head).segment(image, TEXTS)
    network = transformers.Sam3Model.from_pretrained(tmp_path).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    pixels = torch.from_numpy(image.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)[None]
    for number, text in enumerate(TEXTS):
        tokens = tokenizer(text, return_tensors='pt')
        with torch.no_grad():
            output = network(
                pixel_values=pixels,
                input_ids=tokens['input_ids'],
                attention_mask=tokens['attention_mask'],
            )
        if head == 'semantic':
            low = output.semantic_seg.sigmoid()
        else:
            instances = output.pred_masks.sigmoid() * output.pred_logits.sigmoid()[..., None, None]
            low = instances.amax(1, keepdim=True)
        wanted = torch.nn.functional.interpolate(low, size=(56, 56), mode='bilinear')[0, 0]
        torch.testing.assert_close(found.masks[number], wanted, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(
            found.scores[number], output.presence_logits.sigmoid()[0, 0], atol=1e-4, rtol=1e-4
        )


def test_wrong_options():
    with pytest.raises(ConfigError, match=r"head must be one of .*, but got 'boxes'"):
        Sam3Segmenter('nowhere', head='boxes')
    with pytest.raises(ConfigError, match='text_batch must be a whole number of at least 1'):
        Sam3Segmenter('nowhere', text_batch=0)
