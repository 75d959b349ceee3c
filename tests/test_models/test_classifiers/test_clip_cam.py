import pytest
import torch
from mmseg.structures import SegDataSample
from test_models.test_classifiers.test_cam_network import sample

from qaclims_mm.functional.cam import merge_multiscale_cams
from qaclims_mm.miniworld.regions import draw_pictures, object_mask
from qaclims_mm.models.classifiers.clip_cam import CLIPCAM
from qaclims_mm.registry import MODELS
from qaclims_mm.vlms.clip.grad_cam import text_grad_cams
from qaclims_mm.vlms.clip.open_clip import CLIPTextHead

CONFIG = dict(
    type='CLIPCAM',
    image_head=dict(type='CLIPImageHead', model='miniworld://clip'),
    text_head=dict(type='CLIPTextHead', model='miniworld://clip'),
    class_names=['cat', 'car', 'boat', 'bird'],
    background_texts={'cat': ['carpet', 'sofa'], 'car': ['road', 'cat']},
    prompt='a photo of {text}',
    scale=10.0,
)


def test_maps_equal_those_of_the_texts_that_compete():
    model = MODELS.build(CONFIG)
    image = torch.randn(3, 40, 56)
    [found] = model([[image]], [sample([0, 1])])
    # the present classes, then their backgrounds, of which cat is present
    words = ['cat', 'car', 'carpet', 'sofa', 'road']
    head = CLIPTextHead('miniworld://clip').load()
    texts = head.encode([f'a photo of {w}' for w in words]).clone()
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in _stats(model.data_preprocessor))
    pixels = image * std + mean
    clip_head = model.image_head
    normalised = (pixels[None] - clip_head.mean) / clip_head.std
    both = torch.cat([normalised, normalised.flip(-1)])
    resized = torch.nn.functional.interpolate(both, (96, 96), mode='bilinear', align_corners=False)
    maps, mirrored = text_grad_cams(clip_head.encoder, resized, texts, 2, 10.0)
    strided, high_res = merge_multiscale_cams([maps + mirrored.flip(-1)], (32, 48))
    assert found.cam_class_indices.tolist() == [0, 1]
    torch.testing.assert_close(found.cam_strided, strided)
    torch.testing.assert_close(found.cam_high_res, high_res)


def _stats(preprocessor):
    return preprocessor.mean, preprocessor.std


@torch.no_grad()
def test_it_points_at_the_object():
    """MiniWorld's own CLIP knows its classes; and a test run wants no gradients."""
    model, inside, outside = MODELS.build({**CONFIG, 'scale': 100.0}), [], []
    for scene, picture in draw_pictures(3, 60):
        names = [t.class_name for t in scene.objects]
        present = [k for k, name in enumerate(CONFIG['class_names']) if name in names]
        if len(present) != 1:
            continue
        image = model.data_preprocessor.normalise(torch.tensor(picture.image).permute(2, 0, 1))
        [found] = model([[image]], [sample(present, picture.mask.shape)])
        mask = torch.tensor(object_mask(picture, CONFIG['class_names'][present[0]])) > 0
        inside.append(found.cam_high_res[0][mask].mean())
        outside.append(found.cam_high_res[0][~mask].mean())
    assert len(inside) >= 20
    assert sum(inside) > 1.5 * sum(outside)


def test_images_without_a_class_or_that_failed():
    model = MODELS.build(CONFIG)
    failed = SegDataSample(metainfo=dict(failed='gone'))
    empty, passed = model([[torch.randn(3, 40, 56)], [torch.zeros(3, 1, 1)]], [sample([]), failed])
    assert empty.cam_high_res.shape == (0, 32, 48)
    assert passed.failed == 'gone'


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (
            dict(image_head=dict(CONFIG['image_head'], mask_prompt='random')),
            "CLIPCAM makes no masks, but image_head.mask_prompt is 'random'",
        ),
        (dict(prompt='a photo'), 'prompt must have {text} in it'),
    ],
)
def test_errors(options, message):
    with pytest.raises(ValueError, match=message):
        MODELS.build({**CONFIG, **options})


def test_there_is_nothing_to_train():
    assert isinstance(MODELS.build(CONFIG), CLIPCAM)
    with pytest.raises(ValueError, match='CLIPCAM only predicts'):
        MODELS.build(CONFIG)([], [], mode='loss')
