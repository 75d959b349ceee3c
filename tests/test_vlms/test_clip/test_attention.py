import pytest
import torch
from torch.nn import functional as F

from qaclims_mm.vlms.clip.attention import watch_blocks
from qaclims_mm.vlms.clip.grad_cam import last_block_grad_cams, text_grad_cams
from qaclims_mm.vlms.clip.open_clip import CLIPImageHead

IMAGES = torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))


def naive_attention(block, tokens):
    """Softmax of scaled products of queries and keys, head by head, from the block's weights."""
    normed = block.ln_1(tokens)
    width = tokens.shape[-1]
    q, k, _ = F.linear(normed, block.attn.in_proj_weight, block.attn.in_proj_bias).split(width, -1)
    heads, side = [], width // block.attn.num_heads
    for start in range(0, width, side):
        products = q[..., start : start + side] @ k[..., start : start + side].mT
        heads.append((products / side**0.5).softmax(-1))
    return torch.stack(heads).mean(0)


@torch.no_grad()
def test_equals_what_the_blocks_themselves_make():
    visual = CLIPImageHead('miniworld://clip').encoder
    seen = watch_blocks(visual, IMAGES)
    entered, left = [], []
    handles = [
        block.register_forward_hook(lambda _m, i, o: (entered.append(i[0]), left.append(o)) and o)
        for block in visual.transformer.resblocks
    ]
    visual(IMAGES)
    for handle in handles:
        handle.remove()
    assert len(seen.tokens) == len(left) - 1
    for one, wanted in zip(seen.tokens, left[:-1], strict=True):
        torch.testing.assert_close(one, wanted, rtol=1e-4, atol=1e-4)
    cells = visual.grid_size[0] * visual.grid_size[1]
    assert seen.attention.shape == (2, len(left), cells, cells)
    for number, block in enumerate(visual.transformer.resblocks):
        wanted = naive_attention(block, entered[number])
        torch.testing.assert_close(
            seen.attention[:, number], wanted[:, 1:, 1:], rtol=1e-3, atol=1e-6
        )
        torch.testing.assert_close(wanted.sum(-1), torch.ones_like(wanted[..., 0]))


def test_maps_of_its_tokens_are_those_of_the_images():
    visual = CLIPImageHead('miniworld://clip').encoder
    texts = F.normalize(torch.randn(4, visual.output_dim), dim=-1)
    tokens = watch_blocks(visual, IMAGES).tokens[-1]
    found = last_block_grad_cams(visual, tokens, texts, 2, 10.0)
    wanted = text_grad_cams(visual, IMAGES, texts, 2, 10.0)
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize('dtype', ['bfloat16', 'float16'])
def test_an_encoder_of_half_precision(dtype):
    wanted, found = (
        watch_blocks(CLIPImageHead('miniworld://clip', dtype=d).encoder, IMAGES)
        for d in (None, dtype)
    )
    assert found.attention.dtype == torch.float32
    both = torch.stack([wanted.attention.flatten(), found.attention.flatten()])
    assert torch.corrcoef(both)[0, 1] > 0.99


@pytest.mark.parametrize(
    ('make', 'kind'),
    [
        (lambda: torch.nn.Linear(2, 2), 'Linear'),
        (lambda: CLIPImageHead('ViT-B-16-SigLIP').encoder, 'VisionTransformer'),
    ],
)
def test_another_encoder_is_refused(make, kind):
    with pytest.raises(
        ValueError, match=rf'^attention maps need .* open_clip, but got {kind}; use'
    ):
        watch_blocks(make(), IMAGES)
