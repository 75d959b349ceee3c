import numpy as np
import pytest
import torch
from mmseg.models.backbones import ResNet
from mmseg.structures import SegDataSample
from released import build_with_released_weights, cam_network_cfg

from qaclims_mm.datasets.transforms.formatting import PackWeakInputs
from qaclims_mm.functional.cam import merge_multiscale_cams
from qaclims_mm.registry import MODELS

TINY = dict(
    type='CAMClassifier',
    backbone=dict(
        type='ResNet', depth=18, base_channels=8, num_stages=3, strides=(1, 2, 2),
        dilations=(1, 1, 1), out_indices=(2,), norm_eval=True,
    ),
    cam_head=dict(type='CAMHead', in_channels=32, num_classes=4),
)  # fmt: skip


def sample(pairs, size=(32, 48), **meta):
    made = SegDataSample(metainfo=dict(ori_shape=size, **meta))
    made.set_field(torch.tensor(pairs, dtype=torch.int64), 'class_indices')
    labels = torch.zeros(4)
    labels[list(pairs)] = 1
    made.set_field(labels, 'image_labels')
    return made


@pytest.mark.parametrize('activation', ['sigmoid', 'relu'])
def test_predict_equals_a_loop_over_scales_and_flips(activation):
    model = MODELS.build(TINY | dict(activation=activation)).eval()
    scales = [torch.randn(3, 32, 48), torch.randn(3, 16, 24)]
    [found] = model.predict([scales], [sample([1, 3])])
    maps = []
    for image in scales:
        act = getattr(torch, activation)
        plain = act(model.logits(image[None]))[0]
        mirrored = act(model.logits(torch.flip(image, [2])[None]))[0]
        maps.append(torch.stack([plain[k] + torch.flip(mirrored[k], [1]) for k in (1, 3)]))
    strided, high_res = merge_multiscale_cams(maps, (32, 48))
    assert found.cam_class_indices.tolist() == [1, 3]
    torch.testing.assert_close(found.cam_strided, strided)
    torch.testing.assert_close(found.cam_high_res, high_res)
    assert found.cam_high_res.shape == (2, 32, 48)


@pytest.fixture
def short_memory(monkeypatch):
    """Let every image be a large one, and no memory be free; returns the heights that are seen."""
    seen = []
    monkeypatch.setattr('qaclims_mm.models.strips.SMALL', 0)
    monkeypatch.setattr('qaclims_mm.models.strips.free_memory_of', lambda device: 0)
    forward = ResNet.forward
    monkeypatch.setattr(ResNet, 'forward', lambda s, x: seen.append(x.shape[2]) or forward(s, x))
    return seen


def test_maps_in_strips_are_those_of_the_whole_image(short_memory):
    torch.manual_seed(0)
    model = MODELS.build(TINY | dict(activation='sigmoid'))
    model.eval()
    images = [torch.randn(3, 500, 30), torch.randn(3, 250, 15)]
    [found] = model.predict([images], [sample([1, 3], (500, 30))])
    assert len(short_memory) > 6
    assert 500 not in short_memory
    with torch.no_grad():
        both = [torch.cat([x[None], x[None].flip(-1)]) for x in images]
        plain = [model.logits(x).sigmoid() for x in both]
    maps = [(one + mirrored.flip(-1))[[1, 3]] for one, mirrored in plain]
    strided, high_res = merge_multiscale_cams(maps, (500, 30))
    torch.testing.assert_close(found.cam_strided, strided, rtol=0, atol=1e-5)
    torch.testing.assert_close(found.cam_high_res, high_res, rtol=0, atol=1e-5)


def test_a_network_in_training_is_not_probed(short_memory):
    model = MODELS.build(TINY).train()
    model.backbone.norm_eval = False
    model.backbone.train()
    model.predict([[torch.randn(3, 64, 48)]], [sample([1])])
    assert short_memory == [64]
    assert all(value.isfinite().all() for value in model.state_dict().values())


def test_channels_last_changes_no_result():
    torch.manual_seed(0)
    plain = MODELS.build(TINY).double()
    last = MODELS.build(TINY | dict(channels_last=True)).double()
    last.load_state_dict(plain.state_dict())
    assert last.backbone.conv1.weight.is_contiguous(memory_format=torch.channels_last)
    images = torch.randn(2, 3, 32, 48, dtype=torch.float64)
    results = []
    for model in (plain, last):
        logits = model.logits(images)
        logits.square().sum().backward()
        results.append((logits, model.backbone.conv1.weight.grad))
    assert last.backbone(images)[-1].is_contiguous(memory_format=torch.channels_last)
    for wanted, found in zip(*results, strict=True):
        torch.testing.assert_close(found, wanted)


def test_images_together_get_the_maps_of_one_by_one():
    torch.manual_seed(0)
    model = MODELS.build(TINY).eval()
    sizes = [(32, 48), (48, 32), (32, 48), (1, 1), (16, 24)]
    scales = [[torch.randn(3, h, w), torch.randn(3, h // 2, w // 2)] for h, w in sizes[:3]]
    # the large copy of the last image has the size of the others' small ones
    scales += [[torch.zeros(3, 1, 1)], [torch.randn(3, 16, 24), torch.randn(3, 8, 12)]]
    pairs = [[1, 3], [0], [], [], [2]]

    def samples():
        made = [sample(p, s) for p, s in zip(pairs, sizes, strict=True)]
        made[3].set_metainfo(dict(failed='broken'))
        return made

    together = model.predict(scales, samples())
    alone = [model.predict([x], [s])[0] for x, s in zip(scales, samples(), strict=True)]
    assert 'cam_class_indices' not in together[3]
    for number in (0, 1, 2, 4):
        found, wanted = together[number], alone[number]
        assert found.cam_class_indices.tolist() == pairs[number]
        for name in ('cam_strided', 'cam_high_res'):
            torch.testing.assert_close(found.get(name), wanted.get(name), rtol=0, atol=1e-5)


def test_no_bit_of_an_activation_depends_on_the_other_images(monkeypatch):
    model = MODELS.build(TINY | dict(activation='sigmoid'))
    monkeypatch.setattr(model, 'logits', lambda images, backbone: images)
    torch.manual_seed(0)
    logits = torch.randn(6, 4, 7, 7)
    alone = torch.cat([model._activations(x[None]) for x in logits])
    assert torch.equal(alone, model._activations(logits))
    torch.testing.assert_close(alone, logits.sigmoid())


def test_failed_and_unlabelled_samples():
    model = MODELS.build(TINY).eval()
    failed = sample([], failed='broken')
    results = model.predict(
        [[torch.zeros(3, 1, 1)], [torch.randn(3, 32, 48)]], [failed, sample([])]
    )
    assert 'cam_class_indices' not in results[0]
    assert results[1].cam_high_res.shape == (0, 32, 48)


def test_refusals():
    with pytest.raises(ValueError, match=r"activation must be one of .* but got 'softmax'"):
        MODELS.build(TINY | dict(activation='softmax'))
    with pytest.raises(ValueError, match="mode must be tensor, loss or predict, but got 'x'"):
        MODELS.build(TINY)(torch.zeros(1, 3, 32, 32), mode='x')


@pytest.mark.parametrize(
    ('backbone', 'channels'),
    [
        (dict(type='mmpretrain.ResNet', depth=18, out_indices=(3,)), 512),
        (dict(type='mmpretrain.TIMMBackbone', model_name='resnet18', features_only=True), 512),
        (dict(type='MixVisionTransformer', embed_dims=8, num_layers=[1, 1, 1, 1]), 64),
    ],
    ids=['mmpretrain', 'timm', 'mmseg'],
)
def test_any_backbone(backbone, channels):
    head = dict(type='CAMHead', in_channels=channels, num_classes=4)
    model = MODELS.build(dict(type='CAMClassifier', backbone=backbone, cam_head=head))
    logits = model(torch.randn(1, 3, 64, 64))
    assert logits.shape == (1, 4, 2, 2)


@pytest.mark.goldens
def test_goldens(goldens_dir, monkeypatch):
    golden = np.load(goldens_dir / 'cam.npz')
    cfg = cam_network_cfg(activation='relu')
    model = build_with_released_weights(cfg, goldens_dir, monkeypatch)
    packed = PackWeakInputs(scales=(1.0, 0.5, 1.5, 2.0)).transform(
        dict(
            img=golden['img'],
            class_indices=golden['valid'].tolist(),
            ori_shape=golden['img'].shape[:2],
            num_classes=20,
        )
    )
    data = model.data_preprocessor(
        dict(inputs=[packed['inputs']], data_samples=[packed['data_samples']])
    )
    with torch.no_grad():
        sigmoid = model.logits(data['inputs'][0][0][None]).sigmoid()
    np.testing.assert_allclose(sigmoid, golden['sigmoid'], atol=1e-5)
    [found] = model.predict(**data)
    np.testing.assert_allclose(found.cam_strided, golden['strided'], atol=1e-4)
    np.testing.assert_allclose(found.cam_high_res, golden['high_res'], atol=1e-4)


def test_images_are_resized_to_whole_patches():
    model = MODELS.build(TINY | dict(patch_size=14)).eval()
    seen = []
    model.backbone.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    image = torch.rand(1, 3, 28, 30)
    with torch.no_grad():
        model.logits(image)
        model.logits(image[..., :28])
    assert [x.shape[-2:] for x in seen] == [(28, 42), (28, 28)]
    assert torch.equal(seen[1], image[..., :28])
    # the last column is the image's own, not a border
    torch.testing.assert_close(seen[0][..., -1], image[..., -1], atol=0.2, rtol=0)
