import sys

import numpy as np
import pytest
import torch

from qaclims_mm.vlms.mask_clip import check_prompts, encode_masked, kept_patches

open_clip = pytest.importorskip('open_clip')


def tiny_clip(**changes):
    vision = dict(image_size=56, patch_size=14, width=128, layers=4, head_width=64)
    text = dict(context_length=77, vocab_size=49408, width=64, heads=1, layers=2)
    return open_clip.model.CLIP(64, vision | changes, text, quick_gelu=True).eval()


def test_a_patch_is_kept_if_any_pixel_is():
    mask = torch.zeros(1, 1, 28, 28)
    mask[0, 0, 13, 27] = 1
    assert kept_patches(mask, 14)[0, :, 0].tolist() == [0, 1, 0, 0]


def test_full_mask_is_plain_clip_and_empty_mask_ignores_the_image():
    clip, prompts = tiny_clip(), torch.randn(3, 16, 128)
    images = torch.randn(2, 3, 56, 56)
    full = encode_masked(clip.visual, images, torch.ones(2, 1, 56, 56), prompts)
    torch.testing.assert_close(full, clip.visual(images), atol=1e-5, rtol=1e-5)
    empty = encode_masked(clip.visual, images, torch.zeros(2, 1, 56, 56), prompts)
    other = encode_masked(clip.visual, images.flip(0), torch.zeros(2, 1, 56, 56), prompts)
    assert not torch.allclose(empty, full, atol=1e-2)
    # every patch token came from a prompt
    torch.testing.assert_close(empty, other)


def test_prompts_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r'must be \(depth, 16, 128\).*another CLIP'):
        check_prompts(tiny_clip().visual, torch.zeros(3, 9, 128), 'prompts.safetensors')


def test_prompts_need_a_vit():
    with pytest.raises(ValueError, match='need a ViT of open_clip, but got Linear'):
        check_prompts(torch.nn.Linear(1, 1), torch.zeros(1, 1, 1), 'x')


@pytest.mark.goldens
def test_goldens(goldens_dir, monkeypatch):
    monkeypatch.syspath_prepend(str(goldens_dir))
    from rebuild import official_state_dict

    monkeypatch.delitem(sys.modules, 'rebuild')
    state = official_state_dict('mask_clip')
    prompts = state.pop('visual.mask_embedding')
    clip = tiny_clip()
    clip.load_state_dict(state)
    golden = np.load(goldens_dir / 'mask_clip.npz')
    x = torch.tensor(golden['x'], requires_grad=True)
    feat = encode_masked(clip.visual, x, torch.tensor(golden['m']), prompts)
    np.testing.assert_allclose(feat.detach(), golden['feat_masked'], atol=1e-4)
    (grad,) = torch.autograd.grad(feat.pow(2).sum(), x)
    np.testing.assert_allclose(grad, golden['grad'], atol=1e-4)
    with torch.no_grad():
        np.testing.assert_allclose(clip.visual(x), golden['feat'], atol=1e-4)
        text = clip.encode_text(torch.tensor(golden['tokens']))
        np.testing.assert_allclose(text, golden['text'], atol=1e-4)
