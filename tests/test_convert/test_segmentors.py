import pytest
import torch
from mmengine.config import Config
from mmengine.runner import load_checkpoint
from released_files import bottlenecks, random_state
from shipped_configs import CONFIGS

from qaclims_mm.convert.segmentors import convert_deeplab_v2, convert_wide_resnet38
from qaclims_mm.errors import FormatError
from qaclims_mm.registry import MODELS

WIDE = dict(
    type='DeepLabV1',
    backbone=dict(type='WideResNet38', width=1),
    decode_head=dict(type='LargeFOVHead', in_channels=64, channels=8, num_classes=5),
)
DEEPLAB_V2 = dict(
    type='DeepLabV2',
    backbone=bottlenecks() | dict(type='CeilResNet', style='caffe'),
    decode_head=dict(type='ASPPSumHead', in_channels=64, num_classes=5),
)
HEAD = dict(zip('0134', ('conv_fov', 'bn_fov', 'conv_fov2', 'bn_fov2'), strict=True))
LAYERS = dict(
    norm1='bn_branch2a',
    conv1='conv_branch2a',
    norm2='bn_branch2b1',
    conv2='conv_branch2b1',
    norm3='bn_branch2b2',
    conv3='conv_branch2b2',
    shortcut='conv_branch1',
)


def wide_name(name):
    part, *places, rest = name.split('.')
    if part == 'decode_head':
        return f'cls_conv.{rest}' if places == ['conv_seg'] else f'{HEAD[places[1]]}.{rest}'
    if places[0] in ('stem', 'norm'):
        return f'{part}.{dict(stem="conv1a", norm="bn7")[places[0]]}.{rest}'
    _, stage, block, layer = places
    number = '' if block == '0' else f'_{block}'
    return f'{part}.b{int(stage) + 2}{number}.{LAYERS[layer]}.{rest}'


def kazuto_name(name):
    part, *places, rest = name.split('.')
    if part == 'decode_head':
        return f'base.aspp.c{places[1]}.{rest}'
    if places[0] in ('conv1', 'bn1'):
        return f'base.layer1.conv1.{places[0][:-1]}.{rest}'
    layer, block, kind, *more = places
    place = f'base.layer{int(layer[-1]) + 1}.block{int(block) + 1}'
    if kind == 'downsample':
        return f'{place}.shortcut.{("conv", "bn")[int(more[0])]}.{rest}'
    return f'{place}.{("reduce", "conv3x3", "increase")[int(kind[-1]) - 1]}.{kind[:-1]}.{rest}'


CASES = {
    'wide_resnet38': (WIDE, wide_name, convert_wide_resnet38),
    'deeplabv2': (DEEPLAB_V2, kazuto_name, convert_deeplab_v2),
}


def released(case):
    """Return the weights under the released names and under ours."""
    model, name_of, _ = CASES[case]
    ours = random_state(model)
    return {name_of(k): v for k, v in ours.items()}, ours


def convert(case, tmp_path, content):
    torch.save(content, tmp_path / 'in.pth')
    seen = []
    said = CASES[case][2](tmp_path / 'in.pth', tmp_path / 'out.pth', on_coverage=seen.append)
    has_head = any('cls_conv' in name or 'aspp' in name for name in content)
    assert said.startswith('a trained DeepLab' if has_head else 'the backbone of DeepLab')
    return torch.load(tmp_path / 'out.pth', weights_only=True)['state_dict'], seen[0]


def check_equal(found, wanted):
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[k], v) for k, v in wanted.items())


@pytest.mark.parametrize('case', CASES)
def test_trained_segmentor(tmp_path, case):
    content, ours = released(case)
    check_equal(convert(case, tmp_path, content)[0], ours)
    model = MODELS.build(CASES[case][0])
    load_checkpoint(model, str(tmp_path / 'out.pth'), 'cpu', strict=True)
    check_equal(model.state_dict(), ours)


def test_imagenet_weights_of_wide_resnet38(tmp_path):
    content, ours = released('wide_resnet38')
    # as made from MXNet's file: no counters, the classifier of ImageNet
    content = {
        k.removeprefix('backbone.'): v
        for k, v in content.items()
        if k.startswith('backbone.') and 'num_batches' not in k
    } | {'linear1000.weight': torch.ones(1), 'linear1000.bias': torch.ones(1)}
    found, coverage = convert('wide_resnet38', tmp_path, content)
    wanted = {
        k.removeprefix('backbone.'): v * 0 if 'num_batches' in k else v
        for k, v in ours.items()
        if k.startswith('backbone.')
    }
    check_equal(found, wanted)
    assert list(coverage.ignored.values()) == [2]
    assert coverage.zeros == sum('num_batches' in k for k in wanted)
    # as the config takes it
    cfg = Config.fromfile(
        CONFIGS / 'deeplabv1/deeplabv1_wr38_qa-clims-irn_1xb6-30k_voc12aug-512x512.py'
    )
    init = cfg.model.backbone.init_cfg | dict(checkpoint=str(tmp_path / 'out.pth'))
    backbone = MODELS.build(WIDE['backbone'] | dict(init_cfg=init))
    backbone.init_weights()
    check_equal(backbone.state_dict(), wanted)


@pytest.mark.parametrize('extra', [{}, {'fc.weight': torch.ones(91, 64, 1, 1)}])
def test_initial_weights_of_deeplabv2(tmp_path, extra):
    content, ours = released('deeplabv2')
    content = {k.removeprefix('base.'): v for k, v in content.items() if 'aspp' not in k} | extra
    found, coverage = convert('deeplabv2', tmp_path, content)
    wanted = {k: v for k, v in ours.items() if k.startswith('backbone.')}
    check_equal(found, wanted)
    assert sum(coverage.ignored.values()) == len(extra)
    # as the config takes it
    cfg = Config.fromfile(
        CONFIGS / 'deeplabv2/deeplabv2_r101-coco_qa-clims-irn_1xb5-30k_voc12aug-321x321.py'
    )
    init = cfg.model.backbone.init_cfg | dict(checkpoint=str(tmp_path / 'out.pth'))
    backbone = MODELS.build(DEEPLAB_V2['backbone'] | dict(init_cfg=init))
    backbone.init_weights()
    check_equal({f'backbone.{k}': v for k, v in backbone.state_dict().items()}, wanted)


@pytest.mark.parametrize(
    ('case', 'drop', 'missing'),
    [
        ('wide_resnet38', 'cls_conv.bias', 'decode_head.conv_seg.bias'),
        ('wide_resnet38', 'backbone.b6.conv_branch2b1.weight', 'backbone.stages.4.0.conv2.weight'),
        ('deeplabv2', 'base.aspp.c3.weight', 'decode_head.convs.3.weight'),
        ('deeplabv2', 'base.layer5.block3.reduce.bn.bias', 'backbone.layer4.2.bn1.bias'),
    ],
)
def test_missing_weights(tmp_path, case, drop, missing):
    content, _ = released(case)
    del content[drop]
    with pytest.raises(FormatError, match=rf'missing \(1\): {missing}'):
        convert(case, tmp_path, content)
    assert [p.name for p in tmp_path.iterdir()] == ['in.pth']


@pytest.mark.parametrize(
    ('case', 'name'),
    [
        ('wide_resnet38', 'backbone.b4_9.conv_branch2a.weight'),
        ('wide_resnet38', 'backbone.b4_1.dropout.weight'),
        ('wide_resnet38', 'fc8.other.weight'),
        ('deeplabv2', 'base.layer6.block1.reduce.bn.bias'),
        ('deeplabv2', 'base.aspp.c9.weight'),
    ],
)
def test_unexpected_weights(tmp_path, case, name):
    content, _ = released(case)
    if name.startswith('fc8'):
        # a classifier is left out by name
        _, coverage = convert(case, tmp_path, content | {name: torch.ones(1)})
        assert sum(coverage.ignored.values()) == 1
        return
    with pytest.raises(FormatError, match=r'unexpected \(1\): '):
        convert(case, tmp_path, content | {name: torch.ones(1)})
