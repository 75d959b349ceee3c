import json
import sys
from copy import deepcopy

import pytest
import torch
from contracts import ImageHeadContract, TextHeadContract
from safetensors.torch import save_file

from qaclims_mm.paths import resolve
from qaclims_mm.registry import MODELS
from qaclims_mm.vlms.clip.frozen import hash_text_tower
from qaclims_mm.vlms.clip.open_clip import CLIPImageHead, CLIPTextHead, load_open_clip

open_clip = pytest.importorskip('open_clip')
SHIPPED = 'miniworld://clip'
PROMPTS = 'miniworld://clip/mask_prompt.safetensors'
TEXTS = ['a photo of dog', 'a photo of train', 'a photo of no boat', 'a photo of grass', '']
VIT, RESNET, COCA, WIDE, TIMM = (
    f'qaclims-test-{k}' for k in ('vit', 'resnet', 'coca', 'wide', 'timm')
)


@pytest.fixture(scope='module')
def shipped_clip():
    name = f'local-dir:{resolve(SHIPPED)}'
    return open_clip.create_model(name).eval(), open_clip.get_tokenizer(name)


@pytest.fixture(scope='module', autouse=True)
def _tiny_models(tmp_path_factory):
    """Make models of random weights known to open_clip."""
    folder = tmp_path_factory.mktemp('clip_models')
    text = dict(context_length=8, vocab_size=49408, width=16, heads=1, layers=1)
    vision = {
        VIT: dict(image_size=32, patch_size=8, width=16, layers=2, head_width=8),
        RESNET: dict(image_size=64, layers=[1, 1, 1, 1], width=8),
        COCA: dict(
            image_size=32, patch_size=8, width=16, layers=2, head_width=8,
            attentional_pool=True, attn_pooler_heads=2, output_tokens=True,
        ),
        WIDE: dict(image_size=[24, 40], patch_size=8, width=16, layers=2, head_width=8),
        TIMM: dict(
            image_size=160, timm_model_name='test_vit3', timm_pool='map', timm_proj='linear'
        ),
    }  # fmt: skip
    decoder = dict(heads=1, layers=1, width=16, context_length=8, vocab_size=49408)
    for name, values in vision.items():
        config = dict(embed_dim=8, vision_cfg=values, text_cfg=text)
        if name == COCA:
            text_coca = text | dict(embed_cls=True, output_tokens=True)
            config |= dict(custom_text=True, multimodal_cfg=decoder, text_cfg=text_coca)
        (folder / f'{name}.json').write_text(json.dumps(config))
    open_clip.add_model_config(folder)


def images_of(head, number=2):
    torch.manual_seed(0)
    return head.normalise(torch.randint(0, 256, (number, 3, *head.input_size)).to(head.mean))


def write(path, content):
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None and path.suffix == '.safetensors':
        save_file(content, path)
    elif content is not None:
        torch.save(content, path)
    return str(path)


class TestTextHead(TextHeadContract):
    def make(self, **options):
        return CLIPTextHead(SHIPPED, **options)


class TestImageHead(ImageHeadContract):
    name, side, larger, width = SHIPPED, 96, 128, 64

    def make(self, **options):
        return CLIPImageHead(self.name, **options)

    def make_text(self):
        return CLIPTextHead(self.name)


class TestViT(TestImageHead):
    name, side, larger, width = VIT, 32, 40, 8


class TestResNet(TestImageHead):
    name, side, larger, width = RESNET, 64, None, 8


class TestCoCa(TestImageHead):
    name, side, larger, width = COCA, 32, 40, 8


class TestTimm(TestImageHead):
    name, side, larger, width = TIMM, 160, 192, 8


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


def test_related_texts_are_closer():
    sheep, ram, boat = (
        CLIPTextHead(SHIPPED)
        .load()
        .encode(['a photo of sheep', 'a photo of ram', 'a photo of boat'])
    )
    assert sheep @ ram > sheep @ boat


# ------------------------------------------------------------------------------------------ images


@pytest.mark.parametrize('name', [SHIPPED, VIT, RESNET, COCA, WIDE, TIMM])
def test_without_prompts_it_is_plain_clip(name):
    head = CLIPImageHead(name)
    images = images_of(head)
    clip = load_open_clip(name, None)
    torch.testing.assert_close(head(images), clip.encode_image(images, normalize=False))


@pytest.mark.parametrize('name', [SHIPPED, VIT, COCA, WIDE, TIMM])
def test_full_mask_is_plain_clip(name):
    head = CLIPImageHead(name, mask_prompt='random')
    images = images_of(head)
    ones = torch.ones_like(images[:, :1])
    torch.testing.assert_close(head(images, ones), head(images), atol=1e-5, rtol=1e-5)
    assert not torch.allclose(head(images, 0 * ones), head(images), atol=1e-3)


def test_image_features_are_open_clips(shipped_clip):
    head = CLIPImageHead(SHIPPED, mask_prompt=PROMPTS)
    images = images_of(head)
    with torch.no_grad():
        wanted = shipped_clip[0].encode_image(images)
    torch.testing.assert_close(head(images), wanted, atol=1e-5, rtol=0)


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
    # as many as the paper's, or one a block
    assert [len(CLIPImageHead(n, mask_prompt='random').load()._frozen.mask_embedding) for n in
            (VIT, SHIPPED, TIMM)] == [2, 3, 3]  # fmt: skip


@pytest.mark.parametrize('size', [64, 37, (24, 41)])
def test_other_image_size(tmp_path, size):
    # positions are interpolated as open_clip does, so the larger input is a finer grid of the same
    path = write(tmp_path / 'weights.safetensors', load_open_clip(VIT, None).state_dict())
    head = CLIPImageHead(VIT, path, image_size=size)
    clip = open_clip.create_model(VIT, pretrained=path, force_image_size=size).eval()
    images = images_of(head)
    torch.testing.assert_close(head(images), clip.encode_image(images))
    assert head._frozen.grid_size == clip.visual.grid_size


def test_random_weights_of_another_image_size_are_of_the_same_clip():
    text, own, larger = (
        CLIPTextHead(VIT).load(),
        CLIPImageHead(VIT).load(),
        CLIPImageHead(VIT, image_size=64).load(),
    )
    assert larger.weights_sha256 == own.weights_sha256 == text.weights_sha256
    weights = own._frozen.state_dict()
    assert [k for k, v in larger._frozen.state_dict().items() if v.shape != weights[k].shape] == [
        'positional_embedding'
    ]


def test_not_square():
    head = CLIPImageHead(WIDE).load()
    assert head.image_size == head.input_size == (24, 40)


def test_own_constants(tmp_path):
    vision = dict(image_size=32, patch_size=8, width=16, layers=2, head_width=8)
    text = dict(context_length=8, vocab_size=49408, width=16, heads=1, layers=1)
    config = dict(
        model_cfg=dict(embed_dim=8, vision_cfg=vision, text_cfg=text),
        preprocess_cfg=dict(mean=[0.5, 0.4, 0.3], std=[0.5, 0.6, 0.7]),
    )
    (tmp_path / 'open_clip_config.json').write_text(json.dumps(config))
    write(tmp_path / 'open_clip_model.safetensors', load_open_clip(VIT, None).state_dict())
    head = CLIPImageHead(f'local-dir:{tmp_path}').load()
    assert head.mean.flatten().tolist() == pytest.approx([0.5, 0.4, 0.3])
    assert head.std.flatten().tolist() == pytest.approx([0.5, 0.6, 0.7])


def test_resnet():
    head = CLIPImageHead(RESNET)
    assert head(images_of(head)).shape == (2, 8)
    assert head.image_size == 64
    with pytest.raises(
        ValueError, match=r'^mask prompts need a plain ViT, of single patches, but got Modified'
    ):
        CLIPImageHead(RESNET, mask_prompt='random').load()
    with pytest.raises(ValueError, match=r'loaded: a ModifiedResNet takes images of .*64.* only'):
        CLIPImageHead(RESNET, image_size=96).load()


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
        for k, v in text._encoder.visual.state_dict().items()
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
        ('miniworld://clap', r'clap is not there; make it with qaclims train-miniworld'),
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
            {'mask_embedding': torch.zeros(3, 144, 64)},
            r'must be \(depth, 144, 128\) for this encoder, .* got \(3, 144, 64\);.*another CLIP',
        ),
        (
            {'mask_embedding': torch.zeros(4, 144, 128)},
            r'depth from 1 to 3, but got \(4, 144, 128\);.*another CLIP',
        ),
        (
            {'mask_embedding': torch.zeros(3, 143, 128)},
            r'or of a square grid that can be interpolated, but got \(3, 143, 128\)',
        ),
    ],
)
def test_bad_mask_prompt(tmp_path, content, message):
    path = write(tmp_path / 'prompts.safetensors', content)
    with pytest.raises(ValueError, match=message):
        CLIPImageHead(SHIPPED, mask_prompt=path).load()


def test_prompts_of_another_input_size(tmp_path, monkeypatch):
    lines = []
    monkeypatch.setattr(
        'qaclims_mm.vlms.clip.mask_prompt.print_log', lambda line, **_: lines.append(line)
    )
    path = write(tmp_path / 'prompts.safetensors', {'mask_embedding': torch.randn(1, 16, 16)})
    CLIPImageHead(VIT, mask_prompt=path).load()
    assert not lines
    head = CLIPImageHead(VIT, mask_prompt=path, image_size=64)
    images = images_of(head)
    assert head(images, torch.zeros(2, 1, 64, 64)).shape == (2, 8)
    assert head._frozen.mask_embedding.shape == (1, 64, 16)
    assert lines == [f'The mask prompts of {path} are interpolated from 4 x 4 patches to 8 x 8.']


def test_without_open_clip(monkeypatch):
    monkeypatch.setitem(sys.modules, 'open_clip', None)
    with pytest.raises(
        ImportError, match=r"CLIP needs open_clip_torch; run: pip install 'qaclims_mm"
    ):
        CLIPImageHead(SHIPPED).load()
