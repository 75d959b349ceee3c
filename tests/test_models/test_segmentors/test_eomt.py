import copy

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.logging import MessageHub
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch.nn import functional as F

from qaclims_mm.errors import ConfigError
from qaclims_mm.models.segmentors.eomt import mask_probability
from qaclims_mm.registry import MODELS

QUERIES = 6
# with rotary embeddings and layer scales, and with learnt position embeddings
NETWORKS = ['vit_small_patch16_dinov3', 'vit_small_patch14_dinov2']


def config(name=NETWORKS[0], **options):
    return dict(
        type='EoMT',
        num_blocks=2,
        data_preprocessor=dict(
            type='SegDataPreProcessor', mean=[0.0] * 3, std=[255.0] * 3, size=(40, 48)
        ),
        backbone=dict(
            type='TimmFeatures',
            model_name=name,
            options=dict(
                embed_dim=24, depth=4, num_heads=2, patch_size=8, img_size=32, init_values=0.5
            ),
        ),
        decode_head=dict(
            type='EoMTHead', in_channels=24, num_classes=5, num_queries=QUERIES, upscalings=1
        ),
        test_cfg=dict(mode='whole'),
        **options,
    )


def build(*args, **options):
    torch.manual_seed(0)
    return MODELS.build(ConfigDict(config(*args, **options)))


def batch():
    torch.manual_seed(1)
    masks = torch.randint(0, 5, (2, 1, 40, 48))
    masks[:, :, :10] = 255
    return torch.randn(2, 3, 40, 48), [
        SegDataSample(gt_sem_seg=PixelData(data=mask)) for mask in masks
    ]


@pytest.mark.parametrize('name', NETWORKS)
def test_a_prediction_before_each_block_in_training_and_one_else(name):
    model = build(name)
    images, _ = batch()
    found = model.train().extract_feat(images)
    assert [[x.shape for x in p] for p in found] == [[(2, QUERIES, 6), (2, QUERIES, 10, 12)]] * 3
    with torch.no_grad():
        assert len(model.eval().extract_feat(images)) == 1


@pytest.mark.parametrize('name', NETWORKS)
def test_everything_is_trained(name):
    model = build(name).train()
    losses = model.loss(*batch())
    assert sorted(n for n in losses if 'loss_mask' in n) == [
        'decode.d0.loss_mask',
        'decode.d1.loss_mask',
        'decode.loss_mask',
    ]
    total, log = model.parse_losses(losses)
    total.backward()
    assert 'decode.acc_seg' in log
    for parameter, value in model.named_parameters():
        assert value.grad is not None, parameter
        assert torch.isfinite(value.grad).all(), parameter


@pytest.mark.parametrize('name', NETWORKS)
def test_queries_pass_through_the_last_blocks_alone(name):
    """By hand: the ViT's own blocks, with the queries put in after the second."""
    model = build(name).eval()
    images, _ = batch()
    network, head = model.backbone.network, model.decode_head
    with torch.no_grad():
        [(classes, masks)] = model.extract_feat(images)
        seen = []
        handles = [b.register_forward_hook(lambda *a: seen.append(a[-1])) for b in network.blocks]
        model.extract_feat(images)
        for handle in handles:
            handle.remove()
        assert [x.shape[1] for x in seen] == [x + 30 for x in _prefixes(network, QUERIES)]
        tokens = network.norm(seen[-1])
        features = tokens[:, -30:].transpose(1, 2).reshape(2, 24, 5, 6)
        wanted = head.read(tokens[:, :QUERIES], features)
    torch.testing.assert_close(classes, wanted[0])
    torch.testing.assert_close(masks, wanted[1])
    # the patches up to there are what they are without queries
    plain = copy.deepcopy(network)
    for block in plain.blocks:
        block._forward_pre_hooks.clear()
    outputs = []
    plain.blocks[1].register_forward_hook(lambda *a: outputs.append(a[-1]))
    if hasattr(plain.blocks[2].attn, 'num_prefix_tokens'):
        for block in plain.blocks[2:]:
            block.attn.num_prefix_tokens -= QUERIES
    with torch.no_grad():
        plain.forward_features(images)
    torch.testing.assert_close(seen[1], outputs[0])


def _prefixes(network, queries):
    own = network.num_prefix_tokens
    return [own, own, own + queries, own + queries]


def test_a_query_sees_its_mask_and_all_other_tokens():
    model = build().train()
    seen = []
    for block in model.backbone.network.blocks[-2:]:
        block.attn.register_forward_pre_hook(
            lambda _, args, options: seen.append(options['attn_mask']), with_kwargs=True
        )
    images, _ = batch()
    predictions = model.extract_feat(images)
    own = model.backbone.network.num_prefix_tokens
    assert len(seen) == 2
    for (_, masks), visible in zip(predictions, seen, strict=False):
        assert visible.shape == (2, 1, QUERIES + own + 30, QUERIES + own + 30)
        wanted = F.interpolate(masks, size=(5, 6), mode='bilinear').flatten(2) > 0
        assert torch.equal(visible[:, 0, :QUERIES, -30:], wanted)
        assert visible[:, :, QUERIES:].all()
        assert visible[..., : QUERIES + own].all()
        assert not wanted.all()


def test_masks_are_given_up_block_by_block():
    # six parts of a run for four blocks
    assert [mask_probability(0, 4, p / 6) for p in (0, 1, 2, 6)] == [1, 1, 0, 0]
    assert [mask_probability(3, 4, p / 6) for p in (0, 4, 5, 6)] == [1, 1, 0, 0]
    assert mask_probability(1, 4, 2.5 / 6) == pytest.approx(0.5**0.9)


def test_at_the_end_of_a_run_queries_see_everything(monkeypatch):
    model = build().train()
    info = MessageHub.get_current_instance().runtime_info
    monkeypatch.setitem(info, 'iter', 99)
    monkeypatch.setitem(info, 'max_iters', 100)
    seen = []
    model.backbone.network.blocks[-1].attn.register_forward_pre_hook(
        lambda _, args, options: seen.append(options['attn_mask']), with_kwargs=True
    )
    images, _ = batch()
    with torch.no_grad():
        trained = model.extract_feat(images)[-1]
        assert seen[0].all()
        torch.testing.assert_close(model.eval().extract_feat(images)[-1], trained)


@pytest.mark.parametrize('mode', ['whole', 'slide'])
@pytest.mark.parametrize('size', [(40, 48), (37, 61), (16, 90)])
def test_images_of_any_size(mode, size):
    model = build().eval()
    if mode == 'slide':
        model.test_cfg.update(mode='slide', crop_size=(32, 32), stride=(20, 20))
    meta = dict(ori_shape=size, img_shape=size, pad_shape=size)
    with torch.no_grad():
        [sample] = model.predict(torch.randn(1, 3, *size), [SegDataSample(metainfo=meta)])
    assert sample.seg_logits.data.shape == (5, *size)
    assert torch.equal(sample.pred_sem_seg.data[0], sample.seg_logits.data.argmax(0))


def test_a_state_dict_fits_a_second_network():
    model, other = build().eval(), MODELS.build(config()).eval()
    other.load_state_dict(model.state_dict())
    images, _ = batch()
    with torch.no_grad():
        torch.testing.assert_close(model(images), other(images))


def test_frozen_blocks_get_no_gradient():
    cfg = config()
    cfg['backbone']['frozen'] = (r'patch_embed', r'blocks\.[01]\.')
    model = MODELS.build(cfg).train()
    model.parse_losses(model.loss(*batch()))[0].backward()
    blocks = model.backbone.network.blocks
    assert all(p.grad is None for p in blocks[0].parameters())
    assert all(p.grad is not None for p in blocks[2].parameters())


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(num_blocks=5), r'at least 5 blocks .* with 4 blocks'),
        (dict(num_blocks=0), 'at least 0 blocks'),
        (
            dict(backbone=dict(type='TimmFeatures', model_name='resnet18')),
            'TimmFeatures with 0 blocks',
        ),
        (dict(decode_head=dict(type='MaskSetHead', num_classes=5)), 'and MaskSetHead'),
        (
            dict(auxiliary_head=dict(type='FCNHead', in_channels=1, channels=1, num_classes=5)),
            'remove auxiliary_head',
        ),
    ],
)
def test_parts_that_do_not_fit_are_named(change, message):
    with pytest.raises(ConfigError, match=message):
        MODELS.build(config() | change)
