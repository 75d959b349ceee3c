import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from released import official_state_dict
from test_configs import CONFIGS
from torch.nn import functional as F

from qaclims_mm.convert.renaming import rename
from qaclims_mm.convert.segmentors import DEEPLAB_V2_RULES
from qaclims_mm.registry import MODELS

R101 = CONFIGS / '_base_/models/deeplabv2_r101.py'


def build(**changes):
    cfg = Config.fromfile(R101)
    cfg.merge_from_dict({f'model.{k}': v for k, v in changes.items()})
    return MODELS.build(cfg.model)


def tiny():
    torch.manual_seed(0)
    model = build(
        **{'backbone.depth': 18, 'backbone.style': 'pytorch', 'backbone.base_channels': 8},
        **{'backbone.stem_channels': 8, 'decode_head.in_channels': 64},
        **{'decode_head.num_classes': 5, 'backbone.norm_eval': False},
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
    assert list(losses) == ['loss_ce_1', 'loss_ce_0.5', 'loss_ce_0.75', 'loss_ce_max']
    for logits, loss in zip(model.pyramid(images), losses.values(), strict=True):
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
    assert list(model.loss(images, [sample, sample])) == ['loss_ce_1']
