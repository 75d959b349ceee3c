import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from released import official_state_dict
from shipped_configs import CONFIGS
from torch.nn import functional as F

from qaclims_mm.convert.renaming import rename
from qaclims_mm.convert.segmentors import DEEPLAB_V2_RULES
from qaclims_mm.errors import ConfigError
from qaclims_mm.registry import MODELS

R101 = CONFIGS / '_base_/models/deeplabv2_r101.py'


def build(**changes):
    cfg = Config.fromfile(R101)
    cfg.merge_from_dict({f'model.{k}': v for k, v in changes.items()})
    return MODELS.build(cfg.model)


def tiny(**changes):
    torch.manual_seed(0)
    model = build(
        **{'backbone.depth': 18, 'backbone.style': 'pytorch', 'backbone.base_channels': 8},
        **{'backbone.stem_channels': 8, 'decode_head.in_channels': 64},
        **{'decode_head.num_classes': 5, 'backbone.norm_eval': False},
        **changes,
    )
    model.init_weights()
    return model


@pytest.mark.goldens
def test_goldens(goldens_dir, monkeypatch):
    golden = np.load(goldens_dir / 'segmentors.npz')
    model = build().eval()
    state = official_state_dict(goldens_dir, 'deeplabv2', monkeypatch)
    model.load_state_dict(rename(state, DEEPLAB_V2_RULES, 'goldens').state)
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(44.05, abs=0.005)
    with torch.no_grad():
        pyramid = model.pyramid(torch.from_numpy(golden['x']))
    assert len(pyramid) == 4
    for number, logits in enumerate(pyramid):
        wanted = torch.from_numpy(golden[f'v2_train{number}'])
        assert (logits - wanted).abs().max() <= 1e-4 * wanted.abs().max()
    wanted = torch.from_numpy(golden['v2_msc'])
    assert (pyramid[-1] - wanted).abs().max() <= 1e-4 * wanted.abs().max()


def test_fused_logits_are_the_highest_of_all_scales():
    model = tiny().eval()
    images = torch.rand(2, 3, 49, 65)
    with torch.no_grad():
        whole, half, most, fused = model.pyramid(images)
        parts = [
            F.interpolate(x, size=whole.shape[-2:], mode='bilinear') for x in (whole, half, most)
        ]
        assert whole.shape[-2:] == (7, 9)
        for y, x in ((0, 0), (3, 4), (6, 8)):
            wanted = torch.stack([p[:, :, y, x] for p in parts]).amax(0)
            torch.testing.assert_close(fused[:, :, y, x], wanted)
        full = model.encode_decode(images, [])
    assert full.shape == (2, 5, 49, 65)


def test_losses_against_a_naive_loop():
    model = tiny().eval()
    images = torch.rand(1, 3, 48, 64)
    mask = torch.randint(0, 5, (1, 48, 64))
    mask[:, :10] = 255
    sample = SegDataSample(gt_sem_seg=PixelData(data=mask))
    losses = model.loss(images, [sample])
    names = ['decode', 'x0.5.decode', 'x0.75.decode', 'max.decode']
    assert list(losses) == [f'{name}.{of}' for name in names for of in ('loss_ce', 'acc_seg')]
    for logits, name in zip(model.pyramid(images), names, strict=True):
        loss = losses[f'{name}.loss_ce']
        height, width = logits.shape[-2:]
        terms = []
        for y in range(height):
            for x in range(width):
                # the middle of the cell, as Pillow's nearest neighbour
                label = mask[0, int((y + 0.5) * 48 / height), int((x + 0.5) * 64 / width)]
                if label != 255:
                    terms.append(-logits[0, :, y, x].log_softmax(0)[label].item())
        assert loss.item() == pytest.approx(sum(terms) / len(terms), rel=1e-4)


def test_head_starts_small_and_has_no_other_classifier():
    head = tiny().decode_head
    assert not hasattr(head, 'conv_seg')
    for conv in head.convs:
        assert conv.weight.std().item() == pytest.approx(0.01, rel=0.1)
        assert not conv.bias.any()


def test_without_further_scales_it_is_a_plain_segmentor():
    model = tiny().eval()
    model.scales = ()
    images = torch.rand(2, 3, 32, 40)
    [logits] = model.pyramid(images)
    torch.testing.assert_close(logits, model.decode_head(model.extract_feat(images)))
    sample = SegDataSample(gt_sem_seg=PixelData(data=torch.randint(0, 5, (1, 32, 40))))
    assert list(model.loss(images, [sample, sample])) == ['decode.loss_ce', 'decode.acc_seg']


# --- mmseg's own head losses ----------------------------------------------------------------------

CE = dict(type='CrossEntropyLoss', avg_non_ignore=True)
SCALES = ['', 'x0.5.', 'x0.75.']


def batch():
    torch.manual_seed(1)
    masks = torch.randint(0, 5, (2, 1, 48, 64))
    masks[:, :, :10] = 255
    samples = [SegDataSample(gt_sem_seg=PixelData(data=mask)) for mask in masks]
    return torch.rand(2, 3, 48, 64), samples


def test_a_pixel_sampler_chooses_the_pixels_of_every_scale():
    images, samples = batch()
    plain = tiny().eval().loss(images, samples)
    sampler = dict(type='OHEMPixelSampler', min_kept=2)
    hard = tiny(**{'decode_head.sampler': sampler}).eval().loss(images, samples)
    assert hard.keys() == plain.keys()
    for name in (n for n in plain if 'loss' in n):
        # the mean is taken over all pixels, of which all but the four hardest have weight 0
        assert 0 < hard[name] < 0.5 * plain[name], name


def test_several_losses_train_under_their_own_names():
    images, samples = batch()
    losses = [CE, dict(type='DiceLoss', loss_weight=3.0)]
    model = tiny(**{'decode_head.loss_decode': losses})
    found = model.loss(images, samples)
    of = ['loss_ce', 'loss_dice', 'acc_seg']
    assert list(found) == [f'{s}decode.{name}' for s in [*SCALES, 'max.'] for name in of]
    dice = sum(value for name, value in found.items() if name.endswith('loss_dice'))
    dice.backward()
    assert all(conv.weight.grad.abs().sum() > 0 for conv in model.decode_head.convs)


def test_losses_of_one_name_are_summed():
    images, samples = batch()
    once = tiny().eval().loss(images, samples)
    twice = tiny(**{'decode_head.loss_decode': [CE, CE]}).eval().loss(images, samples)
    for name in (n for n in once if 'loss' in n):
        torch.testing.assert_close(twice[name], 2 * once[name])


def auxiliary(kind='FCNHead', **options):
    return dict(
        type=kind, in_channels=32, in_index=0, channels=4, num_classes=5, num_convs=1, **options
    )


@pytest.mark.parametrize('number', [1, 2])
def test_auxiliary_heads_are_trained(number):
    heads = [auxiliary(loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4))] * number
    names = ['aux'] if number == 1 else ['aux_0', 'aux_1']
    images, samples = batch()
    plain = tiny(**{'backbone.out_indices': (2, 3), 'decode_head.in_index': 1})
    changes = {'backbone.out_indices': (2, 3), 'decode_head.in_index': 1}
    model = tiny(**changes, auxiliary_head=heads[0] if number == 1 else heads)
    model.load_state_dict(plain.state_dict(), strict=False)
    losses = model.loss(images, samples)
    wanted = [f'{s}{name}.loss_ce' for s in SCALES for name in names]
    assert [n for n in losses if 'aux' in n and 'loss' in n] == wanted
    # those of the decode head are what they are without
    for name, value in plain.loss(images, samples).items():
        torch.testing.assert_close(losses[name], value)
    total, log = model.parse_losses(losses)
    assert set(wanted) < set(log)
    total.backward()
    of_heads = [(n, p) for n, p in model.named_parameters() if n.startswith('auxiliary_head')]
    assert of_heads
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for _, p in of_heads)


def test_a_head_with_losses_of_its_own_kind():
    """STDCHead learns boundaries, which its ``loss_by_feat`` makes of the masks."""
    head = auxiliary('STDCHead', boundary_threshold=0.1)
    head.update(in_channels=64, in_index=0, num_classes=2, loss_decode=[CE, dict(type='DiceLoss')])
    cfg = Config.fromfile(R101)
    cfg.merge_from_dict(
        {
            'model.backbone.depth': 18,
            'model.backbone.style': 'pytorch',
            'model.backbone.base_channels': 8,
            'model.backbone.stem_channels': 8,
        }
    )
    cfg.model.decode_head = head
    model = MODELS.build(cfg.model)
    images, samples = batch()
    for sample in samples:
        sample.gt_sem_seg.data.clamp_(max=1)
    losses = model.loss(images, samples)
    assert sorted(n for n in losses if n.startswith('max.')) == [
        'max.decode.acc_seg',
        'max.decode.loss_ce',
        'max.decode.loss_dice',
    ]


def test_a_head_of_several_maps_is_refused():
    cfg = Config.fromfile(R101)
    cfg.model.backbone.update(depth=18, style='pytorch', base_channels=8, stem_channels=8)
    cfg.model.decode_head = dict(
        type='DAHead', in_channels=64, in_index=0, channels=4, pam_channels=4, num_classes=5
    )
    model = MODELS.build(cfg.model)
    with pytest.raises(ConfigError, match=r'DeepLabV2 needs .* one map of logits, but DAHead'):
        model.loss(*batch())
