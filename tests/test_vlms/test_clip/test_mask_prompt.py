import sys

import numpy as np
import pytest
import torch

from qaclims_mm.vlms.clip import mask_prompt as mask_clip
from qaclims_mm.vlms.clip.mask_prompt import (
    encode_vit,
    find_vit,
    fit_prompts,
    kept_patches,
)

open_clip = pytest.importorskip('open_clip')
timm = pytest.importorskip('timm')
BLOCKS = 3

# Tiny ones of every kind of ViT that open_clip builds, with images of its size.
OPEN_CLIP = {
    'patch 8': dict(),
    'patch 14': dict(patch_size=14, image_size=56),
    'patch 16': dict(patch_size=16, image_size=64),
    'patch 32': dict(patch_size=32, image_size=96),
    'one patch': dict(patch_size=32, image_size=32),
    'pixels left over': dict(image_size=37),
    'not square': dict(image_size=(24, 41)),
    'patch not square': dict(image_size=(26, 33), patch_size=(8, 5)),
    'mean of the patches': dict(pool_type='avg'),
    'norm after pooling': dict(pool_type='avg', final_ln_after_pool=True),
    'norm after the token': dict(final_ln_after_pool=True),
    'no first norm': dict(no_ln_pre=True),
    'sin-cos positions': dict(pos_embed_type='sin_cos_2d'),
    'attention pool': dict(attentional_pool=True, attn_pooler_queries=5, attn_pooler_heads=2),
    'attention pool, mean': dict(
        attentional_pool=True, attn_pooler_queries=5, attn_pooler_heads=2, pool_type='avg'
    ),
    'tokens too': dict(output_tokens=True),
    'layer scale': dict(ls_init_value=0.5),
    'dropped patches': dict(patch_dropout=0.5),
    'other blocks': dict(qk_norm=True, scale_heads=True, scale_attn=True, scale_fc=True),
    'norm inside the attention': dict(scale_attn_inner=True),
}
TIMM = {
    'SigLIP': dict(class_token=False, global_pool='map'),
    'class token': dict(),
    'mean of the patches': dict(class_token=False, global_pool='avg', fc_norm=False),
    'norm after pooling': dict(global_pool='avg', fc_norm=True),
    'registers': dict(reg_tokens=2, no_embed_class=True),
    'first norm': dict(pre_norm=True),
    'any size': dict(dynamic_img_size=True, class_token=False, global_pool='map'),
    'not square': dict(img_size=(24, 41)),
    'pixels left over': dict(img_size=37, class_token=False, global_pool='map'),
    'dropped patches': dict(patch_drop_rate=0.5),
}
KINDS = [*((open_clip, k) for k in OPEN_CLIP), *((timm, k) for k in TIMM)]


def open_clip_vit(**changes):
    vision = dict(image_size=32, patch_size=8, width=16, layers=BLOCKS, head_width=8)
    return open_clip.model._build_vision_tower(6, vision | changes)


def timm_vit(**changes):
    visual = open_clip.timm_model.TimmModel('test_vit', 64, pool='token', proj='none')
    options = dict(img_size=32, patch_size=8, embed_dim=16, depth=BLOCKS, num_heads=2)
    visual.trunk = timm.models.VisionTransformer(**options | dict(num_classes=0) | changes)
    visual.head = torch.nn.Linear(16, 6)
    visual.image_size = open_clip.model.to_2tuple((options | changes)['img_size'])
    return visual


def build(library, kind):
    """Return an encoder, two images and prompts of two layers."""
    torch.manual_seed(0)
    visual = open_clip_vit(**OPEN_CLIP[kind]) if library is open_clip else timm_vit(**TIMM[kind])
    vit = find_vit(visual)
    prompts = torch.randn(2, vit.grid_size[0] * vit.grid_size[1], vit.width)
    return visual.eval(), torch.randn(2, 3, *visual.image_size), prompts


def plain(visual, images):
    features = visual(images)
    return features[0] if isinstance(features, tuple) else features


# -------------------------------------------------------------------------------- every kind of ViT


@pytest.mark.parametrize(('library', 'kind'), KINDS, ids=lambda x: getattr(x, '__name__', x))
@torch.no_grad()
def test_full_and_empty_and_half_mask(library, kind):
    visual, images, prompts = build(library, kind)
    ones = torch.ones_like(images[:, :1])
    wanted = plain(visual, images)
    torch.testing.assert_close(encode_vit(visual, images), wanted, atol=1e-5, rtol=1e-5)
    full = encode_vit(visual, images, ones, prompts)
    torch.testing.assert_close(full, wanted, atol=1e-5, rtol=1e-5)
    # every patch token came from a prompt
    empty = encode_vit(visual, images, 0 * ones, prompts)
    other = encode_vit(visual, images.flip(0), 0 * ones, prompts)
    torch.testing.assert_close(empty, other)
    assert not torch.allclose(empty, full, atol=1e-3)
    # what is outside counts for nothing, what is inside does
    if prompts.shape[1] > 1:
        half = ones.clone()
        half[..., visual.image_size[0] // 2 :, :] = 0
        keep = kept_patches(half, find_vit(visual).patch_size)
        assert keep.any()
        assert not keep.all()
        inside = encode_vit(visual, images, half, prompts)
        assert not torch.allclose(inside, full, atol=1e-3)
        assert not torch.allclose(
            inside, encode_vit(visual, images.flip(0), half, prompts), atol=1e-4
        )


@pytest.mark.parametrize('pool_type', ['parallel', 'cascade'])
@torch.no_grad()
def test_two_attention_pools(pool_type):
    # open_clip has them for one width only
    visual = open_clip_vit(
        width=6, head_width=3, attentional_pool=pool_type, attn_pooler_heads=2
    ).eval()
    images = torch.randn(2, 3, 32, 32)
    full = encode_vit(visual, images, torch.ones(2, 1, 32, 32), torch.randn(1, 16, 6))
    torch.testing.assert_close(full, visual(images), atol=1e-5, rtol=1e-5)


def features_of_a_loop(visual, images, mask, prompts):
    """The encoder from the definition, a patch at a time."""
    (height, width), (rows, columns) = visual.patch_size, visual.grid_size
    features = []
    for image, region in zip(images, mask, strict=True):
        tokens, kept = [visual.class_embedding], []
        for row in range(rows):
            for column in range(columns):
                patch = (
                    slice(None),
                    slice(row * height, (row + 1) * height),
                    slice(column * width, (column + 1) * width),
                )
                kept.append(any(pixel > 0 for pixel in region[patch].flatten()))
                token = torch.stack([(k * image[patch]).sum() for k in visual.conv1.weight])
                tokens.append(token if kept[-1] else prompts[0][len(kept) - 1])
        x = visual.ln_pre(torch.stack(tokens) + visual.positional_embedding)
        for depth, block in enumerate(visual.transformer.resblocks, start=1):
            x = block(x[None])[0].clone()
            if depth < len(prompts):
                for patch, is_kept in enumerate(kept):
                    if not is_kept:
                        x[1 + patch] = prompts[depth][patch]
        x = visual.ln_post(x)
        pooled = x[0] if visual.pool_type == 'tok' else x[1:].mean(0)
        features.append(pooled @ visual.proj)
    return torch.stack(features)


@pytest.mark.parametrize('depth', range(1, BLOCKS + 1))
@pytest.mark.parametrize('kind', ['patch 8', 'not square', 'mean of the patches', 'no first norm'])
@torch.no_grad()
def test_equals_a_loop_over_patches(kind, depth):
    visual, images, _ = build(open_clip, kind)
    rows, columns = visual.grid_size
    prompts = torch.randn(depth, rows * columns, 16)
    # single pixels, in some patches none, and of the last one only what is left over
    mask = (torch.rand(2, 1, *visual.image_size) < 0.01).float()
    mask[..., rows * 8 :, :] = 1
    mask[..., columns * 8 :] = 1
    keep = kept_patches(mask, 8)
    assert keep.any()
    assert not keep.all()
    found = encode_vit(visual, images, mask, prompts)
    wanted = features_of_a_loop(visual, images, mask, prompts)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(('library', 'kind'), [(open_clip, 'patch 8'), (timm, 'registers')])
def test_prompts_of_every_depth_count(library, kind):
    visual, images, _ = build(library, kind)
    prompts = torch.randn(BLOCKS, 16, 16, requires_grad=True)
    mask = torch.ones(2, 1, 32, 32)
    mask[..., :16, :] = 0
    images.requires_grad_()
    encode_vit(visual, images, mask, prompts).square().sum().backward()
    reached = prompts.grad.abs().amax(2) > 0
    assert reached[:, :8].all()
    assert not reached[:, 8:].any()
    seen = images.grad.abs().amax((0, 1, 3)) > 0
    assert not seen[:16].any()
    assert seen[16:].all()


@pytest.mark.parametrize(('library', 'kind'), KINDS, ids=lambda x: getattr(x, '__name__', x))
def test_with_checkpoints_features_and_gradients_are_the_same(library, kind):
    visual, images, prompts = build(library, kind)
    visual.requires_grad_(False)
    mask = torch.ones(2, 1, *visual.image_size)
    mask[..., :9] = 0
    found = []
    for with_cp in (False, True):
        inputs = images.clone().requires_grad_()
        features = encode_vit(visual, inputs, mask, prompts, with_cp)
        features.square().sum().backward()
        found.append((features.detach(), inputs.grad))
    for plain_way, checkpoints in zip(*found, strict=True):
        torch.testing.assert_close(checkpoints, plain_way)


def test_with_checkpoints_only_what_enters_a_block_is_kept():
    visual, images, prompts = build(open_clip, 'patch 8')
    visual.requires_grad_(False)
    sizes = []
    for with_cp in (False, True):
        kept = []
        with torch.autograd.graph.saved_tensors_hooks(lambda x, k=kept: k.append(x) or x, id):
            encode_vit(visual, images.requires_grad_(), images[:, :1] > 0, prompts, with_cp)
        sizes.append(sum(x.numel() for x in kept if x.shape[:1] == (2,)))
    assert sizes[1] < sizes[0] / 2


@pytest.mark.parametrize('dtype', [torch.float64, torch.bfloat16])
def test_half_and_double_precision(dtype):
    visual, images, prompts = build(open_clip, 'patch 14')
    visual, images = visual.to(dtype), images.to(dtype)
    mask = torch.ones(2, 1, 56, 56)
    torch.testing.assert_close(encode_vit(visual, images, mask, prompts), visual(images))


@pytest.mark.parametrize('dtype', [torch.bool, torch.uint8, torch.float64])
def test_mask_of_another_type(dtype):
    visual, images, prompts = build(open_clip, 'patch 8')
    mask = torch.zeros(2, 1, 32, 32)
    mask[..., 9:20, 3] = 1
    found = encode_vit(visual, images, mask.to(dtype), prompts)
    torch.testing.assert_close(found, encode_vit(visual, images, mask, prompts))


def test_autocast():
    visual, images, prompts = build(open_clip, 'patch 8')
    mask = torch.zeros(2, 1, 32, 32)
    mask[..., :9] = 1
    wanted = encode_vit(visual, images, mask, prompts)
    with torch.autocast('cpu', torch.bfloat16):
        found = encode_vit(visual, images, mask, prompts)
    torch.testing.assert_close(found.float(), wanted, atol=0.1, rtol=0.1)


def test_what_is_left_out_may_be_broken():
    visual, images, prompts = build(open_clip, 'patch 8')
    mask = torch.zeros(2, 1, 32, 32)
    mask[..., :8] = 1
    wanted = encode_vit(visual, images, mask, prompts)
    images[..., 8:] = torch.nan
    assert torch.equal(encode_vit(visual, images, mask, prompts), wanted)


# ------------------------------------------------------------------------------------------ patches


@pytest.mark.parametrize('patch', [8, 14, (8, 5)])
@pytest.mark.parametrize('size', [(28, 28), (31, 45)])
def test_a_patch_is_kept_if_any_pixel_is(patch, size):
    height, width = (patch, patch) if isinstance(patch, int) else patch
    mask = np.zeros(size)
    rng = np.random.default_rng(0)
    for _ in range(5):
        mask[rng.integers(size[0]), rng.integers(size[1])] = 1
    wanted = [
        [bool(mask[r * height : (r + 1) * height, c * width : (c + 1) * width].any())]
        for r in range(size[0] // height)
        for c in range(size[1] // width)
    ]
    found = kept_patches(torch.tensor(mask)[None, None], patch)
    assert found.dtype == torch.bool
    assert found[0].tolist() == wanted
    convolved = torch.nn.Conv2d(1, 1, patch, patch)(torch.zeros(1, 1, *size))
    assert convolved.shape[-2] * convolved.shape[-1] == len(wanted)


# ------------------------------------------------------------------------------------------ prompts


def test_fitting_prompts_stay_as_they_are(monkeypatch):
    monkeypatch.setattr(mask_clip, 'print_log', pytest.fail)
    for depth in range(1, BLOCKS + 1):
        prompts = torch.randn(depth, 16, 16)
        assert fit_prompts(prompts, open_clip_vit(), 'x') is prompts
    # a grid that is not square
    prompts = torch.randn(1, 15, 16)
    assert fit_prompts(prompts, open_clip_vit(image_size=(24, 41)), 'x') is prompts


@pytest.mark.parametrize(
    ('side', 'build_vit', 'grid'),
    [
        (3, open_clip_vit, '4 x 4'),
        (7, open_clip_vit, '4 x 4'),
        (4, lambda: open_clip_vit(image_size=(24, 41)), '3 x 5'),
        (5, timm_vit, '4 x 4'),
    ],
)
def test_prompts_of_another_input_size_are_interpolated(monkeypatch, side, build_vit, grid):
    lines = []
    monkeypatch.setattr(mask_clip, 'print_log', lambda line, logger: lines.append(line))
    visual, prompts = build_vit(), torch.randn(3, side**2, 16)
    found = fit_prompts(prompts, visual, 'prompts.safetensors')
    assert lines == [
        f'The mask prompts of prompts.safetensors are interpolated from {side} x {side} patches to '
        f'{grid}.'
    ]
    # as open_clip does with positions
    rows, columns = (int(n) for n in grid.split(' x '))
    clip = torch.nn.Module()
    clip.visual = torch.nn.Module()
    clip.visual.grid_size = rows, columns
    for prompt, wanted in zip(prompts, found, strict=True):
        state = {'visual.positional_embedding': torch.cat([torch.zeros(1, 16), prompt])}
        open_clip.model.resize_pos_embed(state, clip)
        torch.testing.assert_close(wanted, state['visual.positional_embedding'][1:])


def test_interpolated_prompts_keep_their_place():
    ramp = torch.arange(4.0).expand(4, 4).reshape(1, 16, 1).repeat(1, 1, 16)
    found = fit_prompts(ramp, open_clip_vit(image_size=64), 'x').view(8, 8, 16)
    assert (found.diff(dim=1) > 0).all()
    torch.testing.assert_close(found.diff(dim=0), torch.zeros(7, 8, 16), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ('shape', 'message'),
    [
        (
            (3, 16, 24),
            r'must be \(depth, 16, 16\) .* but got \(3, 16, 24\); they belong to another',
        ),
        ((3, 16), r'must be \(depth, 16, 16\) .* but got \(3, 16\)'),
        ((0, 16, 16), r'depth from 1 to 3, but got \(0, 16, 16\)'),
        ((4, 16, 16), r'depth from 1 to 3, but got \(4, 16, 16\)'),
        ((3, 15, 16), r'or of a square grid that can be interpolated, but got \(3, 15, 16\)\.$'),
    ],
)
def test_prompts_that_do_not_fit(shape, message):
    with pytest.raises(ValueError, match=f'^the mask prompts of file .*{message}'):
        fit_prompts(torch.zeros(shape), open_clip_vit(), 'file')


@pytest.mark.parametrize(
    ('make', 'name'),
    [
        (lambda: torch.nn.Linear(1, 1), 'Linear'),
        (
            lambda: open_clip.model._build_vision_tower(
                8, dict(layers=[1, 1, 1, 1], width=8, image_size=64)
            ),
            'ModifiedResNet',
        ),
        (lambda: open_clip.timm_model.TimmModel('test_resnet', 8), 'ResNet'),
        # patches that look at their neighbours
        (lambda: timm_vit(embed_layer=hybrid_patches), 'VisionTransformer'),
        # positions inside the attention
        (lambda: open_clip.timm_model.TimmModel('eva02_tiny_patch14_224', 8, pool=''), 'Eva'),
    ],
)
def test_prompts_need_a_plain_vit(make, name):
    visual = make()
    message = rf'^mask prompts need a plain ViT, of single patches, but got {name}; without mask'
    with pytest.raises(ValueError, match=message):
        find_vit(visual)
    with pytest.raises(ValueError, match=message):
        fit_prompts(torch.zeros(1, 1, 1), visual, 'x')


def hybrid_patches(img_size, patch_size, in_chans, embed_dim, **options):
    backbone = torch.nn.Conv2d(in_chans, 4, 3, 8, padding=1)
    return timm.layers.HybridEmbed(backbone, img_size, 1, embed_dim=embed_dim)


@pytest.mark.goldens
def test_goldens(goldens_dir, monkeypatch):
    monkeypatch.syspath_prepend(str(goldens_dir))
    from rebuild import official_state_dict

    monkeypatch.delitem(sys.modules, 'rebuild')
    state = official_state_dict('mask_clip')
    prompts = state.pop('visual.mask_embedding')
    vision = dict(image_size=56, patch_size=14, width=128, layers=4, head_width=64)
    text = dict(context_length=77, vocab_size=49408, width=64, heads=1, layers=2)
    clip = open_clip.model.CLIP(64, vision, text, quick_gelu=True).eval()
    clip.load_state_dict(state)
    golden = np.load(goldens_dir / 'mask_clip.npz')
    x = torch.tensor(golden['x'], requires_grad=True)
    feat = encode_vit(clip.visual, x, torch.tensor(golden['m']), prompts)
    np.testing.assert_allclose(feat.detach(), golden['feat_masked'], atol=1e-4)
    (grad,) = torch.autograd.grad(feat.pow(2).sum(), x)
    np.testing.assert_allclose(grad, golden['grad'], atol=1e-4)
    with torch.no_grad():
        np.testing.assert_allclose(clip.visual(x), golden['feat'], atol=1e-4)
        text = clip.encode_text(torch.tensor(golden['tokens']))
        np.testing.assert_allclose(text, golden['text'], atol=1e-4)
