"""Presets, the paper's and the released numbers, and what trains by them."""

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmseg.structures import SegDataSample
from shipped_configs import CONFIGS, INPUTS, PRESETS, RITC, leaf, load, transforms, without_weights

from qaclims_mm.engine.compat import enable_mmseg_bases
from qaclims_mm.miniworld.world import CLASS_FACTS, SCENE_FACTS
from qaclims_mm.registry import MODELS

STRUCTURE = (
    'model',
    'text_encoding',
    'optim_wrapper',
    'param_scheduler',
    'train_',
    'test_',
    'load_from',
)


def flat(node, prefix=''):
    if isinstance(node, dict):
        return {k: v for key, x in node.items() for k, v in flat(x, f'{prefix}{key}.').items()}
    if isinstance(node, (list, tuple)):
        return {k: v for i, x in enumerate(node) for k, v in flat(x, f'{prefix}{i}.').items()}
    return {prefix[:-1]: node}


@pytest.mark.parametrize('stem', PRESETS, ids=lambda stem: stem.split('_')[0])
def test_presets_differ_in_the_listed_values_alone(stem):
    enable_mmseg_bases()
    suffix = '_official' if stem.startswith('cam') else '-official'
    paper, official = (
        flat(Config.fromfile(leaf(stem.format(preset))).to_dict()) for preset in ('', suffix)
    )
    differ = {
        key: (paper.get(key), official.get(key))
        for key in {*paper, *official}
        if paper.get(key) != official.get(key) and key.startswith(STRUCTURE)
    }
    for key in INPUTS:
        if key in differ:
            differ.pop(key)
    assert differ == PRESETS[stem]


@pytest.mark.parametrize('preset', ['', '-official'])
def test_numbers_of_section_4_1(preset):
    cfg = load(leaf(RITC.format(preset)))
    model = cfg.model
    weights = [model[f'loss_{name}'].loss_weight for name in ('frc', 'brc', 'reg')]
    assert weights == [10, 8, 0.2]
    assert model.loss_frc.temperature == model.loss_brc.temperature == 0.7
    assert model.threshold.omega == 0.1
    assert model.get('reference_batch_size', 4) == 4
    assert cfg.optim_wrapper.optimizer.lr == 3.5e-4
    assert cfg.optim_wrapper.optimizer.weight_decay == 1e-4
    assert cfg.optim_wrapper.paramwise_cfg.custom_keys.cam_head.lr_mult == 10
    assert [s.power for s in cfg.param_scheduler] == [0.9]
    [resize] = transforms(cfg, 'RandomResizeLongSide')
    assert (resize.min_side, resize.max_side) == (320, 640)
    [pack] = [s for s in cfg.test_dataloader.dataset.pipeline if s.type == 'PackWeakInputs']
    assert tuple(pack.scales) == (1, 0.5, 1.5, 2)


CLIMS = 'clims_r50_clip-vitb32_{}-512x512'
CLIMS_VOC, CLIMS_COCO = CLIMS.format('1xb16-15e_voc12aug'), CLIMS.format('2xb16-8e_coco14')


@pytest.mark.parametrize(
    ('stem', 'weights', 'threshold', 'texts', 'lr'),
    [
        (CLIMS_VOC, [10, 24, 1, 0.2], 0.26, 10, 2.5e-4),
        (CLIMS_COCO, [2, 14, 1.25, 0.2], 0.285, 88, 5e-4),
    ],
)
def test_numbers_of_the_released_clims(stem, weights, threshold, texts, lr):
    """README and run_sample.py of CVI-SZU/CLIMS; clip_utils.py has the texts."""
    cfg = load(leaf(stem))
    model = cfg.model
    assert [model[f'loss_{n}'].loss_weight for n in ('otm', 'btm', 'cbs', 'reg')] == weights
    assert model.loss_cbs.threshold == threshold
    assert model.reference_batch_size == cfg.train_dataloader.batch_size == 16
    assert (model.activation, model.image_head.norm) == ('relu', 'imagenet')
    assert model.prompt == 'a photo of {text}.'
    assert model.class_texts == dict(person='player')
    assert len(set(model.background_texts)) == texts
    assert cfg.optim_wrapper.optimizer == dict(type='SGD', lr=lr, momentum=1e-4, weight_decay=1e-4)
    assert [s.power for s in cfg.param_scheduler] == [0.9]
    [resize] = transforms(cfg, 'RandomResizeLongSide')
    assert (resize.min_side, resize.max_side) == (320, 640)
    [pack] = [s for s in cfg.test_dataloader.dataset.pipeline if s.type == 'PackWeakInputs']
    assert tuple(pack.scales) == (1, 0.5, 1.5, 2)


def test_miniworld_compares_clims_with_qa_clims():
    """They differ in the model and in the corpus; CLIMS knows the world's rule, not the picture."""
    clims, ours = (
        load(leaf(f'{stem}_1xb16-5e_miniworld-112x112'))
        for stem in ('clims_r18-mini_clip-mini', 'qa-clims_r18-mini_clip-mini-mask')
    )
    for key in ('train_cfg', 'param_scheduler', 'optim_wrapper', 'load_from', 'test_dataloader'):
        assert clims.get(key) == ours.get(key)
    assert clims.model.backbone == ours.model.backbone
    scenes = {name: SCENE_FACTS[facts.scene] for name, facts in CLASS_FACTS.items()}
    assert clims.model.background_texts == {
        name: [*scene.names, scene.under] for name, scene in scenes.items()
    }


def learning(stem):
    """Return {parameter: learning rate at the start}, and the BN whose statistics move."""
    cfg = load(leaf(stem))
    model = MODELS.build(without_weights(cfg.model.to_dict()))
    model.train()
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper.to_dict())
    rate = {id(p): g['lr'] for g in wrapper.optimizer.param_groups for p in g['params']}
    rates = {n: rate[id(p)] if p.requires_grad else 0 for n, p in model.named_parameters()}
    moving = {n for n, m in model.named_modules() if 'running_mean' in m._buffers and m.training}
    return rates, moving


@pytest.mark.parametrize(
    ('stem', 'lr', 'held', 'all_bn_held', 'stem_bn_held'),
    [
        ('cam_r50_2xb8-5e_voc12aug-512x512', 0.1, ('conv1', 'bn1', 'layer1', 'layer2'), True, True),
        ('cam_r50_official_2xb8-5e_voc12aug-512x512', 0.1, ('conv1', 'bn1'), True, True),
        (RITC.format(''), 3.5e-4, ('conv1', 'bn1'), False, True),
        (RITC.format('-official'), 3.5e-4, ('conv1', 'bn1'), False, False),
        (CLIMS_VOC, 2.5e-4, ('conv1', 'bn1'), False, False),
    ],
)
def test_what_trains(stem, lr, held, all_bn_held, stem_bn_held):
    rates, moving = learning(stem)
    for name, rate in rates.items():
        part = name.split('.')
        expected = 10 * lr if part[0] == 'cam_head' else 0 if part[1] in held else lr
        assert rate == pytest.approx(expected), name
    assert (not moving) == all_bn_held
    assert ('backbone.bn1' not in moving) == stem_bn_held


@pytest.mark.parametrize(
    'name',
    ['convnext-t', 'swin-t', 'convnextv2-t', 'dinov2-s14', 'dinov3-s16', 'efficientnet-lite0'],
)
def test_other_backbones_are_trained(name):
    cfg = load(CONFIGS / f'cam/cam_{name}_2xb8-5e_voc12aug-512x512.py')
    model = MODELS.build(without_weights(cfg.model.to_dict())).train()
    sample = SegDataSample()
    sample.set_field(torch.eye(20)[3], 'image_labels')
    losses = model(torch.rand(1, 3, 64, 64), [sample], mode='loss')
    sum(losses.values()).backward()
    # every stage learns, from the first layer on that is not frozen
    grads = [p.grad for p in model.backbone.parameters() if p.requires_grad]
    assert all(g is not None and torch.isfinite(g).all() for g in grads)
    assert grads[0].abs().sum() > 0
    assert cfg.optim_wrapper.optimizer.type == 'AdamW'
