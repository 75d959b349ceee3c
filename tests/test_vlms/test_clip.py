import json
import sys
from copy import deepcopy

import pytest
import torch
from safetensors.torch import save_file

from qaclims_mm.paths import resolve
from qaclims_mm.registry import MODELS
from qaclims_mm.vlms.clip import CLIPImageHead, CLIPTextHead, hash_text_tower, load_open_clip

open_clip = pytest.importorskip('open_clip')
SHIPPED = 'miniworld://clip'
PROMPTS = 'miniworld://clip/mask_prompt.safetensors'
TEXTS = ['a photo of dog', 'a photo of train', 'a photo of no boat', 'a photo of grass', '']
VIT, RESNET = 'qaclims-test-vit', 'qaclims-test-resnet'


@pytest.fixture(scope='module')
def shipped_clip():
    name = f'local-dir:{resolve(SHIPPED)}'
    return open_clip.create_model(name).eval(), open_clip.get_tokenizer(name)


@pytest.fixture(scope='module', autouse=True)
def _tiny_models(tmp_path_factory):
    """Make two models of random weights known to open_clip."""
    folder = tmp_path_factory.mktemp('clip_models')
    text = dict(context_length=8, vocab_size=49408, width=16, heads=1, layers=1)
    vision = {
        VIT: dict(image_size=32, patch_size=8, width=16, layers=2, head_width=8),
        RESNET: dict(image_size=64, layers=[1, 1, 1, 1], width=8),
    }
    for name, values in vision.items():
        config = dict(embed_dim=8, vision_cfg=values, text_cfg=text)
        (folder / f'{name}.json').write_text(json.dumps(config))
    open_clip.add_model_config(folder)


def images_of(head, number=2):
    torch.manual_seed(0)
    side = head.load().image_size
    return head.normalise(torch.randint(0, 256, (number, 3, side, side)).to(head.mean))


def write(path, content):
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None and path.suffix == '.safetensors':
        save_file(content, path)
    elif content is not None:
        torch.save(content, path)
    return str(path)


# ------------------------------------------------------------------------------------------- texts


@pytest.mark.parametrize('batch_size', [1, 2, 100])
def test_text_features_are_open_clips(shipped_clip, batch_size):
    clip, tokenizer = shipped_clip
    with torch.no_grad():
        features = torch.cat([clip.encode_text(tokenizer([text])) for text in TEXTS])
    done = []
    head = CLIPTextHead(SHIPPED, batch_size=batch_size).load()
    found = head.encode(TEXTS, on_batch=done.append)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.norm(dim=1), torch.ones(len(TEXTS)))
    torch.testing.assert_close(
        found, features / features.norm(dim=1, keepdim=True), atol=1e-5, rtol=0
    )
    assert sum(done) == len(TEXTS)
    assert max(done) <= batch_size


def test_no_text():
    assert CLIPTextHead(SHIPPED).load().encode([]).shape[0] == 0


def test_related_texts_are_closer():
    sheep, ram, boat = (
        CLIPTextHead(SHIPPED)
        .load()
        .encode(['a photo of sheep', 'a photo of ram', 'a photo of boat'])
    )
    assert sheep @ ram > sheep @ boat


# ------------------------------------------------------------------------------------------ images


def test_image_features_are_open_clips(shipped_clip):
    head = CLIPImageHead(SHIPPED, mask_prompt=PROMPTS)
    images = images_of(head)
    with torch.no_grad():
        wanted = shipped_clip[0].encode_image(images)
    assert head(images).shape == (2, 64)
    torch.testing.assert_close(head(images), wanted, atol=1e-5, rtol=0)
    # not normalised
    assert (head(images).norm(dim=1) - 1).abs().min() > 0.1


def test_mask(shipped_clip):
    head = CLIPImageHead(SHIPPED, mask_prompt=PROMPTS)
    images = images_of(head)
    full = torch.ones(2, 1, 96, 96)
    torch.testing.assert_close(head(images, full), head(images), atol=1e-5, rtol=0)
    half = full.clone()
    half[..., 48:] = 0
    changed = images.clone()
    changed[..., 48:] = images[..., 48:].flip(0)
    # what lies outside the mask does not count, what lies inside does
    torch.testing.assert_close(head(images, half), head(changed, half), atol=1e-5, rtol=0)
    assert not torch.allclose(head(images, half), head(images), atol=1e-2)
    assert not torch.allclose(head(images, 1 - half), head(changed, 1 - half), atol=1e-2)


def test_random_prompts():
    heads = [CLIPImageHead(VIT, mask_prompt='random') for _ in range(2)]
    images, mask = images_of(heads[0]), torch.zeros(2, 1, 32, 32)
    mask[..., :9] = 1
    assert torch.equal(heads[0](images, mask), heads[1](images, mask))
    assert not torch.allclose(heads[0](images, mask), heads[0](images))


def test_mask_without_prompts_is_refused():
    head = CLIPImageHead(SHIPPED)
    with pytest.raises(ValueError, match=r'^a mask was given, but this CLIPImageHead has no mask_'):
        head(images_of(head), torch.ones(2, 1, 96, 96))


@pytest.mark.parametrize(
    ('norm', 'mean', 'std'),
    [
        ('clip', (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
        ('imagenet', (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ],
)
def test_normalise(norm, mean, std):
    pixel = torch.tensor([10.0, 100.0, 255.0])
    wanted = [(float(v) / 255 - m) / s for v, m, s in zip(pixel, mean, std, strict=True)]
    found = CLIPImageHead(SHIPPED, norm=norm).normalise(pixel.view(1, 3, 1, 1))
    torch.testing.assert_close(found.flatten(), torch.tensor(wanted))


def test_gradients_reach_the_image_only():
    head = CLIPImageHead(SHIPPED, mask_prompt=PROMPTS)
    images = images_of(head).requires_grad_()
    head(images, torch.ones(2, 1, 96, 96)).sum().backward()
    assert images.grad.abs().sum() > 0
    assert all(p.grad is None for p in head._frozen.parameters())


@pytest.mark.parametrize('loaded', [False, True])
def test_the_encoder_is_no_part_of_the_model(loaded):
    head = CLIPImageHead(SHIPPED, mask_prompt=PROMPTS)
    if loaded:
        head.load()
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), head)
    assert set(model.state_dict()) == {'0.weight', '0.bias'}
    assert len(list(model.parameters())) == 2
    assert list(head.modules()) == [head]
    model.train()
    assert not head.load()._frozen.training
    model.load_state_dict(model.state_dict(), strict=True)


@pytest.mark.parametrize('loaded', [False, True])
def test_the_encoder_follows_to(loaded):
    head = CLIPImageHead(SHIPPED, mask_prompt=PROMPTS)
    if loaded:
        head.load()
    model = torch.nn.Sequential(head).to(torch.float64)
    visual = head.load()._frozen
    assert {v.dtype for v in visual.state_dict().values()} == {torch.float64}
    images = images_of(head)
    assert images.dtype == torch.float64
    assert model(images).dtype == torch.float64
    assert head(images, torch.ones(2, 1, 96, 96)).dtype == torch.float64


def test_loading_again_keeps_the_encoder():
    head = CLIPImageHead(SHIPPED).load()
    visual = head._frozen
    assert head.load()._frozen is visual


@pytest.mark.parametrize(('name', 'side'), [(SHIPPED, 96), (VIT, 32)])
def test_own_image_size(name, side):
    assert CLIPImageHead(name).load().image_size == side


def test_other_image_size(tmp_path):
    # positions are interpolated, so the larger input is a finer grid of the same CLIP
    path = write(tmp_path / 'weights.safetensors', load_open_clip(VIT, None).state_dict())
    own, larger = CLIPImageHead(VIT, path), CLIPImageHead(VIT, path, image_size=64)
    assert images_of(larger).shape == (2, 3, 64, 64)
    assert larger(images_of(larger)).shape == (2, 8)
    assert larger.weights_sha256 == own.load().weights_sha256
    assert len(larger._frozen.positional_embedding) == 65


def test_resnet():
    head = CLIPImageHead(RESNET)
    assert head(images_of(head)).shape == (2, 8)
    assert head.image_size == 64
    with pytest.raises(
        ValueError, match=r'^mask prompts need a ViT of open_clip, but got Modified'
    ):
        CLIPImageHead(RESNET, mask_prompt='random').load()


# -------------------------------------------------------------------------------------- same CLIP


@pytest.mark.parametrize('name', [VIT, SHIPPED])
def test_heads_built_apart_are_one_clip(name):
    text = CLIPTextHead(name).load()
    torch.rand(3)
    image = CLIPImageHead(name).load()
    assert len(text.weights_sha256) == 64
    assert text.weights_sha256 == image.weights_sha256
    assert all(
        torch.equal(v, image._frozen.state_dict()[k])
        for k, v in text._clip.visual.state_dict().items()
    )


def test_building_is_random_only_by_its_seed():
    before = torch.random.get_rng_state()
    hashes = [hash_text_tower(load_open_clip(VIT, None, seed=s)) for s in (0, 0, 1)]
    assert torch.equal(torch.random.get_rng_state(), before)
    assert hashes[0] == hashes[1]
    assert hashes[0] != hashes[2]


@pytest.mark.parametrize(
    ('key', 'changes'),
    [
        ('token_embedding.weight', True),
        ('transformer.resblocks.0.mlp.c_fc.bias', True),
        ('text_projection', True),
        ('positional_embedding', True),
        ('visual.conv1.weight', False),
        ('logit_scale', False),
    ],
)
def test_hash_is_of_the_text_tower(key, changes):
    clip = load_open_clip(VIT, None)
    other = deepcopy(clip)
    other.state_dict()[key].view(-1)[-1:].add_(1e-3)
    assert (hash_text_tower(clip) != hash_text_tower(other)) is changes


def test_weights_of_a_file(tmp_path):
    clip = load_open_clip(VIT, None, seed=3)
    path = write(tmp_path / 'weights.safetensors', clip.state_dict())
    head = CLIPTextHead(VIT, path).load()
    assert head.weights_sha256 == hash_text_tower(clip)
    assert head.weights_sha256 != CLIPTextHead(VIT).load().weights_sha256


def test_frozen():
    clip = load_open_clip(SHIPPED, None)
    assert not clip.training
    assert not any(p.requires_grad for p in clip.parameters())


def test_registered():
    assert isinstance(MODELS.build(dict(type='CLIPTextHead', model=SHIPPED)), CLIPTextHead)
    assert isinstance(MODELS.build(dict(type='CLIPImageHead', model=SHIPPED)), CLIPImageHead)


# ----------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize('head', [CLIPTextHead, CLIPImageHead])
@pytest.mark.parametrize(
    ('name', 'reason'),
    [
        ('ViT-XXL-7', 'Model config for .*ViT-XXL-7'),
        ('local-dir:/no/such/folder', 'not found: /no/such/folder'),
        ('miniworld://clap', r'clap is not there; make it with tools/train_miniworld_models\.py'),
    ],
)
def test_bad_model_names(head, name, reason):
    message = rf'^CLIP .{name}. with pretrained=None could not be loaded: .*{reason}'
    with pytest.raises(ValueError, match=message) as raised:
        head(name).load()
    assert str(raised.value).endswith(
        '. Give a model of open_clip.list_models() and the file of its weights.'
    )
    assert len(str(raised.value)) < 800


@pytest.mark.parametrize(
    ('file', 'content', 'reason'),
    [
        ('absent.pt', None, 'is not a known tag or valid file path'),
        ('bad.safetensors', b'no safetensors at all', 'header too large'),
        ('bad.pt', b'no checkpoint at all', 'Weights only load failed'),
        ('other.safetensors', {'a': torch.zeros(1)}, r'Missing key\(s\) in state_dict'),
        ('other.pt', {'a': torch.zeros(1)}, r'Missing key\(s\) in state_dict'),
    ],
)
def test_bad_weights(tmp_path, file, content, reason):
    path = write(tmp_path / file, content)
    message = rf"^CLIP '{VIT}' with pretrained='{path}' could not be loaded: .*{reason}"
    with pytest.raises(ValueError, match=message) as raised:
        CLIPTextHead(VIT, path).load()
    assert len(str(raised.value)) < 1000


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (
            None,
            r'^mask_prompt must be a safetensors file, but .*prompts\.safetensors does not exis',
        ),
        (b'no safetensors', r'prompts\.safetensors is no readable safetensors file \(.*\)\.$'),
        (
            {'prompts': torch.zeros(3, 144, 128)},
            r"must hold exactly mask_embedding, but has \['prompts'\]\.$",
        ),
        (
            {'mask_embedding': torch.zeros(3, 144, 128), 'more': torch.zeros(1)},
            r"must hold exactly mask_embedding, but has \['mask_embedding', 'more'\]\.$",
        ),
        (
            {'mask_embedding': torch.zeros(3, 16, 128)},
            r'must be \(depth, 144, 128\) for this encoder, but got \(3, 16, 128\);.*another CLIP',
        ),
    ],
)
def test_bad_mask_prompt(tmp_path, content, message):
    path = write(tmp_path / 'prompts.safetensors', content)
    with pytest.raises(ValueError, match=message):
        CLIPImageHead(SHIPPED, mask_prompt=path).load()


def test_prompts_of_another_input_size(tmp_path):
    path = write(tmp_path / 'prompts.safetensors', {'mask_embedding': torch.zeros(1, 16, 16)})
    CLIPImageHead(VIT, mask_prompt=path).load()
    with pytest.raises(ValueError, match=r'must be \(depth, 64, 16\).*another input size\.$'):
        CLIPImageHead(VIT, mask_prompt=path, image_size=64).load()


def test_bad_norm():
    with pytest.raises(
        ValueError, match=r"^norm must be one of \['clip', 'imagenet'\], but got 'z'"
    ):
        CLIPImageHead(SHIPPED, norm='z')


def test_without_open_clip(monkeypatch):
    monkeypatch.setitem(sys.modules, 'open_clip', None)
    with pytest.raises(ImportError, match=r'CLIP needs open_clip_torch; run: pip install -e'):
        CLIPImageHead(SHIPPED).load()
