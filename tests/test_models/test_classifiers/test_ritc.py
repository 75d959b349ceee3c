from contextlib import nullcontext
from copy import deepcopy

import numpy as np
import open_clip
import pytest
import torch
from mmengine.optim import OptimWrapper
from mmengine.structures import BaseDataElement
from released import build_with_released_weights, cam_network_cfg, official_state_dict
from test_models.test_classifiers.test_cam_network import TINY
from torch.utils._python_dispatch import TorchDispatchMode

from qaclims_mm.errors import StageError
from qaclims_mm.models.classifiers import region_network
from qaclims_mm.models.classifiers.region_network import to_clip_input
from qaclims_mm.models.classifiers.ritc import collect_pairs, fuse_foreground
from qaclims_mm.registry import MODELS
from qaclims_mm.schemas import write_text_bank
from qaclims_mm.vlms.clip.open_clip import CLIPTextHead

TEXTS = ['cat', 'tabby cat', 'sofa', 'no cat', 'car', 'taxi car', 'road', 'no car']
INDEX = dict(
    image_id=['i'] * 2, class_name=['car', 'cat'], label=[4, 0], fg=[[5], [1]], bg=[[6], [2]],
    no=[7, 3],
)  # fmt: skip


@pytest.fixture(scope='module')
def bank(tmp_path_factory):
    folder = tmp_path_factory.mktemp('bank')
    head = CLIPTextHead('miniworld://clip').load()
    embeddings = head.encode([f'a photo of {t}' for t in TEXTS]).numpy()
    metadata = dict(clip=head.model, weights_sha256=head.weights_sha256)
    write_text_bank(folder, embeddings, TEXTS, INDEX, metadata)
    return folder


def config(bank, **changes):
    return dict(
        TINY,
        type='RITC',
        image_head=dict(
            type='CLIPImageHead',
            model='miniworld://clip',
            mask_prompt='miniworld://clip/mask_prompt.safetensors',
        ),
        text_bank=str(bank),
        threshold=dict(type='ForegroundAdaptiveThreshold', omega=0.1),
        loss_frc=dict(type='FRCLoss', loss_weight=10.0),
        loss_brc=dict(type='BRCLoss', loss_weight=8.0),
        loss_reg=dict(type='REGLoss', loss_weight=0.2),
        **changes,
    )


def weak_sample(pairs, fg, bg, no):
    def rows(values, width):
        return torch.tensor(values, dtype=torch.int64).reshape(len(pairs), width)

    return BaseDataElement(
        class_indices=torch.tensor(pairs, dtype=torch.int64),
        fg_rows=rows(fg, 2),
        bg_rows=rows(bg, 2),
        no_rows=rows(no, 1),
    )


@pytest.fixture
def samples():
    return [
        weak_sample([0, 2], [[1, 0], [5, 4]], [[2, -1], [6, 2]], [3, 7]),
        weak_sample([], [], [], []),
        weak_sample([2], [[-1, 4]], [[-1, -1]], [7]),
    ]


def test_pairs_are_in_image_and_class_order(samples):
    pairs = collect_pairs(samples)
    assert pairs.image_index.tolist() == [0, 0, 2]
    assert pairs.class_index.tolist() == [0, 2, 2]
    assert pairs.fg_rows.tolist() == [[1, 0], [5, 4], [-1, 4]]
    without = collect_pairs(samples, 'label')
    assert without.fg_rows.tolist() == [[0], [4], [4]]
    assert without.bg_rows.tolist() == [[3], [7], [7]]


@pytest.mark.parametrize('fusion', ['mean', 'label_half'])
def test_fusion_equals_a_loop_over_pairs(fusion):
    embeddings = torch.nn.functional.normalize(torch.randn(3, 4, 8), dim=-1)
    valid = torch.tensor([[1, 1, 1, 1], [0, 1, 0, 1], [0, 0, 0, 1]], dtype=torch.bool)
    fused = fuse_foreground(embeddings, valid, fusion)
    for text, row, exists in zip(fused.numpy(), embeddings.numpy(), valid.numpy(), strict=True):
        answers, label = row[:3][exists[:3]], row[3]
        if fusion == 'mean':
            expected = np.vstack([answers, label]).mean(0)
            expected /= np.linalg.norm(expected)
        else:
            expected = 0.5 * label + 0.5 * answers.mean(0) if len(answers) else label
        np.testing.assert_allclose(text, expected, atol=1e-6)


def test_losses_equal_a_loop_over_pairs(bank, samples):
    """One CLIP call for all pairs and regions gives what one call a region gives."""
    torch.manual_seed(0)
    model = MODELS.build(config(bank, region_image='hard'))
    model.load_texts()
    images = torch.randn(3, 3, 32, 48)
    losses = model(images, samples, mode='loss')
    cams = model.logits(images).sigmoid()
    texts, head = model.text_embeddings.float(), model.image_head
    resized = torch.nn.functional.interpolate(
        to_clip_input(images, model.data_preprocessor, model.image_head),
        (96, 96),
        mode='bilinear',
        align_corners=True,
    )
    frc = brc = 0.0
    for image, sample in enumerate(samples):
        for k, fg, bg in zip(sample.class_indices, sample.fg_rows, sample.bg_rows, strict=True):
            cam = torch.nn.functional.interpolate(
                cams[image, k][None, None], (96, 96), mode='bilinear', align_corners=True
            )
            mask = (cam >= 0.1 * cam.max()).float()
            inside = head(resized[image] * cam * mask, mask)
            outside = head(resized[image] * (1 - cam) * (1 - mask), 1 - mask)
            inside, outside = (x / x.norm() for x in (inside[0], outside[0]))
            text = torch.stack([texts[r] for r in fg if r >= 0]).mean(0)
            text = text / text.norm()
            backgrounds = [texts[r] for r in bg if r >= 0]
            if not backgrounds:
                continue
            negatives = sum(torch.exp(inside @ b / 0.7) for b in backgrounds)
            positive = torch.exp(inside @ text / 0.7)
            frc -= torch.log(positive / (positive + negatives))
            match = torch.exp(sum(outside @ b for b in backgrounds) / len(backgrounds) / 0.7)
            brc -= torch.log(match / (match + torch.exp(outside @ text / 0.7)))
    # three images on the rank, weights made for four
    torch.testing.assert_close(losses['loss_frc'], 4 / 3 * 10 * frc, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(losses['loss_brc'], 4 / 3 * 8 * brc, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(losses['loss_reg'], 0.2 * cams.mean())


def test_two_halves_average_to_the_whole(bank, samples):
    """What two ranks of DDP average is the objective of one rank with all images."""
    model = MODELS.build(config(bank)).train()  # with norm_eval: no statistics of the batch
    images = torch.randn(4, 3, 32, 48)
    four = [*samples, samples[0]]
    whole = sum(model(images, four, mode='loss').values())
    halves = [sum(model(images[i : i + 2], four[i : i + 2], mode='loss').values()) for i in (0, 2)]
    torch.testing.assert_close(whole, sum(halves) / 2, rtol=1e-5, atol=1e-5)


def test_accumulated_halves_take_the_steps_of_the_whole(bank, samples):
    start = MODELS.build(config(bank)).train()  # with norm_eval: no statistics of the batch
    images, eight = torch.randn(8, 3, 32, 48), [*samples, samples[0], *samples[::-1], samples[1]]
    stepped = []
    for size in (4, 2):
        model = deepcopy(start)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        wrapper = OptimWrapper(optimizer, accumulative_counts=4 // size)
        wrapper.initialize_count_status(model, 0, 8 // size)
        for i in range(0, 8, size):
            batch = dict(inputs=images[i : i + size], data_samples=eight[i : i + size])
            losses, _ = model.parse_losses(model(**batch, mode='loss'))
            wrapper.update_params(losses)
        stepped.append(model.state_dict())
    whole, halves = stepped
    for name, weight in whole.items():
        torch.testing.assert_close(halves[name], weight, rtol=0, atol=1e-5)
    moved = whole['cam_head.conv.weight'] - start.state_dict()['cam_head.conv.weight']
    assert moved.abs().max() > 1e-3


class Reads(TorchDispatchMode):
    """Notes the operations for which a GPU has to be waited for."""

    NAMES = ('_local_scalar_dense', 'nonzero', 'masked_select', '_unique2', 'is_nonzero')

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        if name in self.NAMES or any(
            isinstance(i, torch.Tensor) and i.dtype == torch.bool
            for i in (args[1] if name == 'index' else ())
        ):
            self.found.append(name)
        return func(*args, **kwargs or {})


def test_a_step_reads_no_value_of_a_tensor(bank, samples):
    model = MODELS.build(config(bank)).train()
    images = torch.randn(3, 3, 32, 48)
    model.load_texts()
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9))
    with Reads() as reads:
        torch.ones(3)[torch.ones(3) > 0].sum().item()
    assert reads.found == ['index', '_local_scalar_dense']
    with Reads() as reads:
        losses, _ = model.parse_losses(model(images, samples, mode='loss'))
        wrapper.update_params(losses)
    assert reads.found == []


def test_mixed_precision_is_near_float32(bank, samples):
    model = MODELS.build(config(bank)).train()
    half = MODELS.build(config(bank)).train()
    half.load_state_dict(model.state_dict())
    half.image_head = MODELS.build(config(bank)['image_head'] | dict(dtype='bfloat16'))
    images = torch.randn(3, 3, 32, 48)
    gradients = []
    for one, context in ((model, nullcontext()), (half, torch.autocast('cpu', torch.bfloat16))):
        with context:
            losses = one(images, samples, mode='loss')
        assert all(loss.dtype == torch.float32 for loss in losses.values())
        sum(losses.values()).backward()
        gradient = torch.cat([p.grad.flatten() for p in one.parameters() if p.grad is not None])
        gradients.append((losses, gradient))
    (wanted, wanted_gradient), (found, gradient) = gradients
    for name, loss in wanted.items():
        torch.testing.assert_close(found[name], loss, rtol=5e-3, atol=5e-3)
    assert torch.nn.functional.cosine_similarity(gradient, wanted_gradient, dim=0) > 0.9


def test_gradient_reaches_the_network_and_not_clip(bank, samples):
    model = MODELS.build(config(bank))
    sum(model(torch.randn(3, 3, 32, 48), samples, mode='loss').values()).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.cam_head.parameters())
    assert not [p for p in model.image_head._frozen.parameters() if p.grad is not None]
    assert not [k for k in model.state_dict() if 'image_head' in k or 'texts' in k]


def test_regions_in_groups_have_the_same_gradients(bank, samples, monkeypatch):
    sizes, gradients = [], []
    images = torch.randn(4, 3, 32, 48, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    model = MODELS.build(config(bank)).train()
    model.image_head.load()
    encode = model.image_head._features
    monkeypatch.setattr(
        model.image_head, '_features', lambda x, mask: sizes.append(len(x)) or encode(x, mask)
    )
    height, width = model.image_head.input_size
    # of 5 pairs all at once; or one after another, then again in the backward pass
    for pixels, calls in ((10 * height * width, [10]), (8 * height * width, [2] * 10)):
        monkeypatch.setitem(region_network._PIXELS, 'cpu', pixels)
        sizes.clear()
        model.zero_grad()
        losses = model(images, [*samples, samples[0]], mode='loss')
        sum(losses.values()).backward()
        assert sizes == calls
        gradients.append(
            [p.grad for p in model.parameters() if p.grad is not None] + [*losses.values()]
        )
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-6)


def test_batch_without_a_label_has_a_graph_to_every_weight(bank, samples):
    model = MODELS.build(config(bank) | dict(loss_reg=None))
    losses = model(torch.randn(1, 3, 32, 48), [samples[1]], mode='loss')
    assert set(losses) == {'loss_frc', 'loss_brc'}
    sum(losses.values()).backward()
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)


@pytest.mark.parametrize('name', ['loss_frc', 'loss_brc', 'loss_reg'])
def test_a_loss_is_left_out(bank, samples, name):
    model = MODELS.build(config(bank) | {name: None})
    losses = model(torch.randn(3, 3, 32, 48), samples, mode='loss')
    assert set(losses) == {'loss_frc', 'loss_brc', 'loss_reg'} - {name}


def test_without_fat_regions_are_the_maps_and_clip_gets_no_mask(bank, samples):
    model = MODELS.build(config(bank) | dict(threshold=None, region_image='soft'))
    seen = []
    model.image_head.register_forward_pre_hook(lambda module, args: seen.append(args))
    images, cams = torch.randn(1, 3, 32, 48), torch.rand(1, 1, 4, 6)
    model.encode_regions(images, cams, torch.zeros(1, dtype=torch.int64))
    [(regions, masks)] = seen
    assert masks is None
    whole = regions.sum(0)
    model.encode_regions(images, torch.ones(1, 1, 4, 6), torch.zeros(1, dtype=torch.int64))
    torch.testing.assert_close(whole, seen[1][0][0])
    hard = MODELS.build(config(bank) | dict(threshold=None, region_image='hard'))
    with pytest.raises(ValueError, match="mode 'hard' needs a mask"):
        hard(torch.randn(3, 3, 32, 48), samples, mode='loss')


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(text_source='all'), r"text_source must be one of .* but got 'all'"),
        (dict(fg_fusion='max'), r"fg_fusion must be one of .* but got 'max'"),
        (dict(region_image='cut'), r"region_image must be one of .* but got 'cut'"),
    ],
)
def test_refusals(bank, change, message):
    with pytest.raises(ValueError, match=message):
        MODELS.build(config(bank, **change))


def test_text_bank_of_another_clip_is_refused(bank, tmp_path):
    write_text_bank(tmp_path, np.eye(8, 64), TEXTS, INDEX, dict(clip='x', weights_sha256='0' * 64))
    with pytest.raises(StageError, match=r'was made by CLIP x \(00000000\), but the image'):
        MODELS.build(config(tmp_path)).load_texts()


def test_without_mask_prompts_no_mask_is_given(bank, samples):
    """The switch means something: plain CLIP gives other losses."""
    torch.manual_seed(0)
    model = MODELS.build(config(bank))
    plain = MODELS.build(
        config(bank) | dict(image_head=dict(type='CLIPImageHead', model='miniworld://clip'))
    )
    plain.load_state_dict(model.state_dict())
    images = torch.randn(3, 3, 32, 48)
    # an untrained map is flat, so its foreground is everything and its background nothing
    a, b = (m(images, samples, mode='loss')['loss_brc'] for m in (model, plain))
    assert abs(a - b) > 1e-3


@pytest.mark.parametrize('norm', ['clip', 'imagenet'])
def test_normalisation_of_the_clip_input(bank, norm):
    cfg = config(bank)
    cfg['image_head'] = cfg['image_head'] | dict(norm=norm)
    model = MODELS.build(cfg)
    pixels = torch.randint(0, 256, (3, 5, 7), dtype=torch.uint8)
    found = to_clip_input(
        model.data_preprocessor.normalise(pixels)[None], model.data_preprocessor, model.image_head
    )
    mean, std = {
        'clip': ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
        'imagenet': ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    }[norm]
    for c in range(3):
        expected = (pixels[c].double() / 255 - mean[c]) / std[c]
        np.testing.assert_allclose(found[0, c], expected, atol=1e-5)


@pytest.mark.goldens
@pytest.mark.parametrize('case', ['mask', 'plain'])
def test_goldens(goldens_dir, monkeypatch, case):
    """A whole step of the released code: terms, and gradients at both ends of the network."""
    golden = np.load(goldens_dir / 'ritc_step.npz')
    cfg = cam_network_cfg(
        **{
            'image_head': dict(type='CLIPImageHead', model='none', norm='imagenet'),
            'loss_brc.positive': 'mean_exp',
            'fg_fusion': 'label_half',
            'region_image': 'soft' if case == 'mask' else 'hard',
            'reference_batch_size': 2,
        }
    )
    model = build_with_released_weights(cfg, goldens_dir, monkeypatch)
    # A unit of this backbone lies on ReLU's kink: in float32 the way a convolution sums decides on
    # which side, and layer1's gradient moves by 2e-3. In float64 it is the released one.
    model.backbone.double()
    model.cam_head.double()
    logits = model.logits
    monkeypatch.setattr(model, 'logits', lambda x: logits(x.double()).float())
    state = official_state_dict(goldens_dir, 'mask_clip', monkeypatch)
    prompts = state.pop('visual.mask_embedding')
    vision = dict(image_size=56, patch_size=14, width=128, layers=4, head_width=64)
    text = dict(context_length=77, vocab_size=49408, width=64, heads=1, layers=2)
    clip = open_clip.model.CLIP(64, vision, text, quick_gelu=True).eval().requires_grad_(False)
    clip.load_state_dict(state)
    head = model.image_head
    object.__setattr__(head, '_frozen', clip.visual)
    head.image_size = 56
    head.mask_prompt = 'x' if case == 'mask' else None
    clip.visual.register_buffer('mask_embedding', prompts)

    texts = [golden['fg_text'], *(golden[f'bg_text{i}'] for i in range(3))]
    model.text_embeddings = torch.tensor(np.concatenate(texts))
    ends = np.cumsum([len(t) for t in texts])
    rows = np.full((3, 7), -1)
    for pair in range(3):
        numbers = np.arange(ends[pair], ends[pair + 1])
        rows[pair, : len(numbers)] = numbers
    samples, pair = [], 0
    for label in golden['label']:
        present = np.flatnonzero(label)
        own = range(pair, pair + len(present))
        samples.append(
            BaseDataElement(
                class_indices=torch.tensor(present),
                fg_rows=torch.tensor(list(own))[:, None],
                bg_rows=torch.tensor(rows[list(own)]),
                no_rows=torch.zeros(len(present), 1),
            )
        )
        pair += len(present)
    batch = [torch.tensor(x).permute(2, 0, 1) for x in golden['imgs']]
    data = model.data_preprocessor(dict(inputs=batch, data_samples=samples), training=True)
    losses = model(**data, mode='loss')
    frc, brc, reg, total = golden[f'{case}_terms']
    assert losses['loss_frc'].item() / 10 == pytest.approx(frc, abs=1e-4)
    assert losses['loss_brc'].item() / 8 == pytest.approx(brc, abs=1e-4)
    assert losses['loss_reg'].item() / 0.2 == pytest.approx(reg, abs=1e-4)
    assert sum(losses.values()).item() == pytest.approx(total, abs=1e-3)
    sum(losses.values()).backward()
    for weight, name in (
        (model.cam_head.conv.weight, 'cls'),
        (model.backbone.layer1[0].conv2.weight, 'l1'),
    ):
        expected = golden[f'{case}_grad_{name}']
        assert np.abs(weight.grad.numpy() - expected).max() <= 1e-4 * np.abs(expected).max()
