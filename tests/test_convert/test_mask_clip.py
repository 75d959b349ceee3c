import json

import pytest
import torch
from safetensors.torch import load_file

from qaclims_mm.convert.mask_clip import convert_mask_clip
from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.vlms.clip.open_clip import CLIPImageHead, CLIPTextHead

open_clip = pytest.importorskip('open_clip')
VISION = dict(image_size=32, patch_size=8, width=128, layers=3, head_width=64)
TEXT = dict(context_length=8, vocab_size=60, width=64, heads=1, layers=3)
NAMES = ['clip_vit128-8_mask-adapted.safetensors', 'clip_vit128-8_mask-prompt.safetensors']


@pytest.fixture(scope='module', autouse=True)
def _tiny_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp('clip_models')
    config = dict(embed_dim=8, vision_cfg=VISION, text_cfg=TEXT, quick_gelu=True)
    (folder / 'qaclims-convert.json').write_text(json.dumps(config))
    open_clip.add_model_config(folder)


def clip_and_prompts():
    torch.manual_seed(0)
    clip = open_clip.model.CLIP(8, VISION, TEXT, quick_gelu=True).eval()
    return clip, torch.randn(3, 16, 128)


def bare(clip, prompts):
    return {**clip.state_dict(), 'visual.mask_embedding': prompts}


def whole(content):
    """Wrap as in ov-seg's file."""
    rest = {
        'backbone.layers.0.norm.weight': torch.ones(4),
        'sem_seg_head.predictor.weight': torch.ones(4),
        'sem_seg_head.predictor.bias': torch.ones(4),
        'pixel_mean': torch.ones(3),
        'clip_adapter.non_object_embedding': torch.ones(1, 4),
    }
    clip = {f'clip_adapter.clip_model.{k}': v for k, v in content.items()}
    return {'model': {**rest, **clip}}


@pytest.mark.parametrize('wrap', [bare, lambda *parts: whole(bare(*parts))], ids=['bare', 'ov-seg'])
def test_what_users_load(tmp_path, wrap):
    clip, prompts = clip_and_prompts()
    torch.save(wrap(clip, prompts), tmp_path / 'in.pth')
    paths = convert_mask_clip(tmp_path / 'in.pth', tmp_path / 'out')
    assert [p.name for p in paths] == NAMES
    assert sorted(p.name for p in (tmp_path / 'out').iterdir()) == NAMES
    assert torch.equal(load_file(paths[1])['mask_embedding'], prompts)
    files = dict(model='qaclims-convert', pretrained=str(paths[0]))
    head = CLIPImageHead(**files, mask_prompt=str(paths[1]))
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(head(images), clip.visual(images), atol=1e-5, rtol=0)
    mask = torch.zeros(2, 1, 32, 32)
    mask[..., :12] = 1
    assert not torch.allclose(head(images, mask), head(images), atol=1e-2)
    assert CLIPTextHead(**files).load().weights_sha256 == head.weights_sha256


def test_what_is_left_out_is_counted(tmp_path):
    torch.save(whole(bare(*clip_and_prompts())), tmp_path / 'in.pth')
    seen = []
    convert_mask_clip(tmp_path / 'in.pth', tmp_path / 'out', on_coverage=seen.append)
    assert dict(seen[0].ignored) == {
        r'backbone(?:\..+)?': 1,
        r'sem_seg_head(?:\..+)?': 2,
        r'pixel_mean(?:\..+)?': 1,
        r'clip_adapter\.(?!clip_model\.).+': 1,
    }


def test_half_precision_is_stored_as_float(tmp_path):
    clip, prompts = clip_and_prompts()
    content = {k: v.half() for k, v in bare(clip, prompts).items()}
    # OpenAI's own files have these
    content |= {k: torch.tensor(3) for k in ('input_resolution', 'context_length', 'vocab_size')}
    torch.save(content, tmp_path / 'in.pth')
    for path in convert_mask_clip(tmp_path / 'in.pth', tmp_path / 'out'):
        assert {v.dtype for v in load_file(path).values()} == {torch.float32}


def test_name_of_the_released_size(tmp_path):
    """ViT-L/14 of one layer, with weights that take no memory."""
    vision = dict(image_size=28, patch_size=14, width=1024, layers=1, head_width=64)
    with torch.device('meta'):
        state = open_clip.model.CLIP(8, vision, TEXT, quick_gelu=True).state_dict()
    state['visual.mask_embedding'] = torch.empty(3, 4, 1024)
    content = {k: torch.zeros(()).expand(v.shape) for k, v in state.items()}
    torch.save(content, tmp_path / 'in.pth')
    paths = convert_mask_clip(tmp_path / 'in.pth', tmp_path / 'out')
    # as the configs have them
    assert [p.name for p in paths] == [
        'clip_vitl14_mask-adapted.safetensors',
        'clip_vitl14_mask-prompt.safetensors',
    ]


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'visual.mask_embedding': None}, 'is what makes CLIP mask-adapted: take the file with'),
        ({'visual.mask_embedding': torch.ones(3, 9, 128)}, r'of another shape \(1\): visual.mask_'),
        ({'visual.ln_post.bias': None}, r'missing \(1\): visual.ln_post.bias'),
        ({'visual.adapter.weight': torch.ones(1)}, r'unexpected \(1\): visual.adapter.weight'),
        ({'text_projection': torch.ones(64, 9)}, r'of another shape \(1\): text_projection'),
    ],
)
def test_weights_that_do_not_fit(tmp_path, change, message):
    content = bare(*clip_and_prompts()) | change
    torch.save(whole({k: v for k, v in content.items() if v is not None}), tmp_path / 'in.pth')
    with pytest.raises(FormatError, match=message):
        convert_mask_clip(tmp_path / 'in.pth', tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


def test_only_its_own_files_are_replaced(tmp_path):
    torch.save(bare(*clip_and_prompts()), tmp_path / 'in.pth')
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/other.safetensors').touch()
    convert_mask_clip(tmp_path / 'in.pth', tmp_path / 'out')
    first = [(tmp_path / 'out' / n).read_bytes() for n in NAMES]
    with pytest.raises(ConfigError, match=r'adapted\.safetensors exists; .* --force'):
        convert_mask_clip(tmp_path / 'in.pth', tmp_path / 'out')
    convert_mask_clip(tmp_path / 'in.pth', tmp_path / 'out', force=True)
    assert [(tmp_path / 'out' / n).read_bytes() for n in NAMES] == first
    assert (tmp_path / 'out/other.safetensors').exists()
