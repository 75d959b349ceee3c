import open_clip
import pytest
import torch
from torch.nn import functional as F

from qaclims_mm.vlms.clip.grad_cam import text_grad_cams
from qaclims_mm.vlms.clip.open_clip import CLIPImageHead

IMAGES = torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))


def unit(count, width):
    texts = torch.randn(count, width, generator=torch.Generator().manual_seed(1))
    return F.normalize(texts, dim=-1)


def naive(visual, norm, image, texts, number, scale, prefix, grid):
    """By hooks on the whole encoder, one image and one text at a time."""
    kept = {}

    def remember(_module, _inputs, output):
        # the encoder is frozen, so this is where its graph begins
        kept['tokens'] = output.requires_grad_()

    handle = norm.register_forward_hook(remember)
    cosines = F.normalize(visual(image[None]), dim=-1)[0] @ texts.T
    handle.remove()
    exponentials = torch.exp(scale * cosines)
    probability = exponentials[number] / exponentials.sum()
    [gradient] = torch.autograd.grad(probability, kept['tokens'])
    tokens = kept['tokens'].detach()[0, prefix:]
    weights = gradient[0, prefix:].mean(0)
    cells = [max(0.0, float((weights * token).sum())) for token in tokens]
    return torch.tensor(cells).view(grid) / max(cells)


@pytest.mark.parametrize('count', [1, 3])
def test_maps_equal_those_of_hooks_on_open_clip(count):
    visual = CLIPImageHead('miniworld://clip').encoder
    texts = unit(5, visual.output_dim)
    found = text_grad_cams(visual, IMAGES, texts, count, scale=10.0)
    assert found.shape == (2, count, *visual.grid_size)
    assert not found.requires_grad
    for image, maps in zip(IMAGES, found, strict=True):
        for number, one in enumerate(maps):
            norm = visual.transformer.resblocks[-1].ln_1
            wanted = naive(visual, norm, image, texts, number, 10.0, 1, visual.grid_size)
            torch.testing.assert_close(one, wanted, rtol=1e-4, atol=1e-4)


def test_maps_of_a_timm_vit():
    visual = CLIPImageHead('ViT-B-16-SigLIP').encoder
    images = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(2))
    texts = unit(3, 768)
    found = text_grad_cams(visual, images, texts, 2, scale=10.0)
    norm = visual.trunk.blocks[-1].norm1
    for number in range(2):
        wanted = naive(visual, norm, images[0], texts, number, 10.0, 0, (14, 14))
        torch.testing.assert_close(found[0, number], wanted, rtol=1e-3, atol=1e-3)


def test_a_text_that_nearly_all_speaks_for_has_a_map():
    """In float32 its probability is 1 and no gradient is left."""
    visual = CLIPImageHead('miniworld://clip').encoder
    with torch.no_grad():
        own = F.normalize(visual(IMAGES[:1]), dim=-1)
    texts = torch.cat([own, -own, unit(3, visual.output_dim)])
    small = text_grad_cams(visual, IMAGES[:1], texts, 1, scale=1.0)
    large = text_grad_cams(visual, IMAGES[:1], texts, 1, scale=30.0)
    assert small.max() == large.max() == 1


def test_the_encoder_is_left_as_it_was():
    visual = CLIPImageHead('miniworld://clip').encoder
    before = visual(IMAGES)
    with torch.no_grad():
        text_grad_cams(visual, IMAGES, unit(2, visual.output_dim), 1)
    assert torch.equal(visual(IMAGES), before)
    assert not visual.transformer.resblocks[-1].ln_1._forward_hooks
    assert all(p.grad is None and not p.requires_grad for p in visual.parameters())


@pytest.mark.parametrize('dtype', ['bfloat16', 'float16'])
def test_an_encoder_of_half_precision(dtype):
    texts = unit(5, CLIPImageHead('miniworld://clip').encoder.output_dim)
    wanted, found = (
        text_grad_cams(CLIPImageHead('miniworld://clip', dtype=d).encoder, IMAGES, texts, 2)
        for d in (None, dtype)
    )
    assert found.dtype == torch.float32
    both = torch.stack([wanted.flatten(), found.flatten()])
    assert torch.corrcoef(both)[0, 1] > 0.99


@pytest.mark.parametrize(
    ('make', 'kind'),
    [
        (lambda: torch.nn.Linear(2, 2), 'Linear'),
        # what stands in open_clip's wrapper is named
        (lambda: open_clip.timm_model.TimmModel('test_resnet', 8), 'ResNet'),
    ],
)
def test_an_encoder_that_is_no_plain_vit(make, kind):
    with pytest.raises(ValueError, match=rf'^Grad-CAM needs a plain ViT .* but got {kind}; give'):
        text_grad_cams(make(), IMAGES, unit(2, 4), 1)
