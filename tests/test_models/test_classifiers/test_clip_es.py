import numpy as np
import pytest
import torch
from mmseg.structures import SegDataSample
from scipy import ndimage
from test_models.test_classifiers.test_cam_network import sample
from test_models.test_classifiers.test_clip_cam import CONFIG as CAM_CONFIG

from qaclims_mm.functional.cam import merge_multiscale_cams
from qaclims_mm.registry import MODELS
from qaclims_mm.vlms.clip.attention import watch_blocks
from qaclims_mm.vlms.clip.grad_cam import text_grad_cams

CONFIG = {**CAM_CONFIG, 'type': 'CLIPES'}
RANDOM = torch.Generator().manual_seed(0)


def refine(cam, attention, threshold):
    """The steps of the paper in numpy, for one map of one image."""
    affinity = attention.astype(np.float64)
    for _ in range(3):
        affinity = affinity / affinity.sum(0, keepdims=True)
        affinity = affinity / affinity.sum(1, keepdims=True)
    affinity = (affinity + affinity.T) / 2
    affinity = affinity @ affinity
    labels, _ = ndimage.label(cam >= threshold * cam.max(), np.ones((3, 3)))
    box = np.zeros(cam.shape)
    for part in ndimage.find_objects(labels):
        box[part] = 1
    refined = ((affinity * box.reshape(1, -1)) @ cam.reshape(-1, 1)).reshape(cam.shape)
    refined = refined - refined.min()
    return refined / refined.max()


@pytest.mark.parametrize('options', [{}, dict(blocks=1), dict(box_threshold=0.8)])
def test_maps_equal_the_steps_of_the_paper(options):
    model = MODELS.build({**CONFIG, **options})
    images = torch.randn(2, 3, 96, 96, generator=RANDOM)
    texts = torch.nn.functional.normalize(torch.randn(4, 64, generator=RANDOM), dim=-1)
    found = model.text_maps(images, texts, 2)
    visual = model.image_head.encoder
    cams = text_grad_cams(visual, images, texts, 2, 10.0)
    attention = watch_blocks(visual, images).attention
    last = attention[:, -options.get('blocks', 8) :].mean(1)
    for image in range(2):
        for number in range(2):
            wanted = refine(
                cams[image, number].numpy(),
                last[image].numpy(),
                options.get('box_threshold', 0.4),
            )
            np.testing.assert_allclose(found[image, number], wanted, atol=2e-3)


def test_predicted_maps_are_merged_with_those_of_the_mirror_image():
    model = MODELS.build(CONFIG)
    image = torch.randn(3, 96, 96, generator=RANDOM)
    [found] = model([[image]], [sample([1, 0])])
    maps = model._maps([1, 0], torch.stack([image, image.flip(-1)]))
    strided, high_res = merge_multiscale_cams([maps[0] + maps[1].flip(-1)], (32, 48))
    torch.testing.assert_close(found.cam_strided, strided)
    torch.testing.assert_close(found.cam_high_res, high_res)
    plain = MODELS.build(CAM_CONFIG)([[image]], [sample([1, 0])])[0]
    assert (found.cam_high_res - plain.cam_high_res).abs().max() > 0.1


def test_images_without_a_class_or_that_failed():
    model = MODELS.build(CONFIG)
    failed = SegDataSample(metainfo=dict(failed='gone'))
    empty, passed = model([[torch.randn(3, 40, 56)], [torch.zeros(3, 1, 1)]], [sample([]), failed])
    assert empty.cam_high_res.shape == (0, 32, 48)
    assert passed.failed == 'gone'


def test_an_encoder_without_attention_maps_is_refused():
    siglip = 'ViT-B-16-SigLIP'
    head = dict(type='CLIPImageHead', model=siglip)
    model = MODELS.build({**CONFIG, 'image_head': head})
    texts = torch.nn.functional.normalize(torch.randn(3, 768), dim=-1)
    with pytest.raises(ValueError, match=r'^attention maps need a plain ViT'):
        model.text_maps(torch.randn(1, 3, 224, 224), texts, 1)
