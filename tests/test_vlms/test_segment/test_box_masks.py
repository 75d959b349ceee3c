import pytest
import torch
from contracts import noise
from tiny_segmenters import make_sam, make_sam2

from qaclims_mm.errors import ConfigError
from qaclims_mm.vlms.segment.box_masks import BoxMasks

transformers = pytest.importorskip('transformers')
IMAGE = noise(32, 64)
BOXES = torch.tensor([[3.0, 4, 20, 25], [0, 0, 63, 31], [30, 10, 41, 12]])


def ask(folder, kind, image=IMAGE, boxes=BOXES, **options):
    asked = BoxMasks(str(folder), kind, **options)
    asked.load('cpu')
    with torch.inference_mode():
        return list(asked.masks(asked.encode(image), boxes))


def test_masks_of_sam_2_are_those_of_transformers(tmp_path):
    make_sam2(tmp_path)
    found = ask(tmp_path, 'sam2', image := noise(64, 64))
    processor = transformers.Sam2ImageProcessor(size=dict(height=64, width=64))
    network = transformers.Sam2Model.from_pretrained(tmp_path).eval()
    with torch.no_grad():
        pixels = processor(image, return_tensors='pt')['pixel_values']
        output = network(pixel_values=pixels, input_boxes=BOXES[None], multimask_output=False)
    wanted = processor.post_process_masks(output.pred_masks, [(64, 64)], binarize=False)[0]
    torch.testing.assert_close(torch.stack(found), wanted[:, 0].sigmoid(), atol=1e-3, rtol=1e-3)


def test_masks_of_sam_are_those_of_transformers(tmp_path):
    make_sam(tmp_path)
    found = ask(tmp_path, 'sam')
    size = dict(size=dict(longest_edge=64), pad_size=dict(height=64, width=64))
    processor = transformers.SamImageProcessor(**size)
    network = transformers.SamModel.from_pretrained(tmp_path).eval()
    made = processor(IMAGE, return_tensors='pt')
    with torch.no_grad():
        output = network(
            pixel_values=made['pixel_values'], input_boxes=BOXES[None], multimask_output=False
        )
    [wanted] = processor.post_process_masks(
        output.pred_masks,
        made['original_sizes'],
        made['reshaped_input_sizes'],
        binarize=False,
        pad_size=size['pad_size'],
    )
    torch.testing.assert_close(torch.stack(found), wanted[:, 0].sigmoid(), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(('make', 'kind'), [(make_sam, 'sam'), (make_sam2, 'sam2')])
def test_boxes_do_not_see_each_other(tmp_path, make, kind):
    make(tmp_path)
    whole = ask(tmp_path, kind)
    assert len(whole) == 3
    assert whole[0].shape == (32, 64)
    assert not torch.equal(whole[0], whole[1])
    for mask, other in zip(whole, ask(tmp_path, kind, box_batch=2), strict=True):
        torch.testing.assert_close(mask, other, atol=1e-4, rtol=1e-4)
    assert ask(tmp_path, kind, boxes=torch.zeros(0, 4)) == []


def test_wrong_options():
    with pytest.raises(ConfigError, match=r"kind must be 'sam' or 'sam2', but got 'sam4'"):
        BoxMasks('nowhere', 'sam4')
    with pytest.raises(ConfigError, match='box_batch must be a whole number of at least 1'):
        BoxMasks('nowhere', box_batch=-2)
