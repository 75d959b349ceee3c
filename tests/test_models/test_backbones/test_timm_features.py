import pytest
import timm
import torch
from safetensors.torch import save_file

from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.registry import MODELS

# a convolutional network, ViTs with position embeddings and rotations, one with channels last
CNN, VIT, ROPE = 'test_efficientnet', 'test_vit', 'vit_tiny_patch16_dinov3_qkvb'


def build(name, **given):
    torch.manual_seed(0)
    return MODELS.build(dict(type='TimmFeatures', model_name=name, **given)).eval()


@pytest.mark.parametrize(
    ('name', 'options', 'size', 'cells'),
    [
        (CNN, {}, (64, 96), (2, 3)),
        (CNN, dict(options=dict(output_stride=16)), (64, 96), (4, 6)),
        (CNN, {}, (65, 90), (3, 3)),
        (VIT, {}, (64, 96), (4, 6)),
        (ROPE, dict(options=dict(depth=1)), (32, 80), (2, 5)),
    ],
)
def test_a_map_of_any_size(name, options, size, cells):
    network = build(name, **options)
    with torch.no_grad():
        [features] = network(torch.rand(2, 3, *size))
    assert features.shape == (2, network.network.num_features, *cells)
    assert features.is_contiguous()


def test_tokens_lie_where_their_patches_are():
    network = build(VIT)
    image = torch.zeros(1, 3, 64, 96)
    with torch.no_grad():
        [before] = network(image)
        image[:, :, 48:, 16:32] = 3.0
        [after] = network(image)
    change = (after - before).abs().sum(1)[0]
    assert divmod(change.argmax().item(), 6) == (3, 1)


def test_channels_that_come_last_are_moved():
    network = build('test_vit')
    network.network.forward_features = lambda images: torch.rand(2, 3, 5, 7)
    network.network.output_fmt = 'NHWC'
    assert network(torch.rand(2, 3, 48, 80))[0].shape == (2, 7, 3, 5)


def test_frozen_parts_and_statistics():
    network = build(CNN, frozen=['conv_stem', 'bn1', r'blocks\.0\.'], norm_eval=True).train()
    held = {n.split('.')[0] for n, p in network.network.named_parameters() if not p.requires_grad}
    assert held == {'conv_stem', 'bn1', 'blocks'}
    assert all(not p.requires_grad for p in network.network.blocks[0].parameters())
    assert all(p.requires_grad for p in network.network.blocks[1].parameters())
    norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert norms
    assert not any(m.training for m in norms)
    assert not network.network.blocks[0].training
    assert network.network.blocks[1].training
    assert build(CNN).train().network.bn1.training


def weights_of(name, folder, **more):
    torch.manual_seed(1)
    state = timm.create_model(name, pretrained=False).state_dict()
    save_file({**state, **more}, folder / 'w.safetensors')
    return state, dict(type='Pretrained', checkpoint=str(folder / 'w.safetensors'))


@pytest.mark.parametrize('name', [CNN, VIT])
def test_local_weights_in_the_names_of_timm(tmp_path, name):
    state, init_cfg = weights_of(name, tmp_path)
    network = build(name, init_cfg=init_cfg)
    network.init_weights()
    found = network.network.state_dict()
    # all but the classifier
    assert len(state) - len(found) in (1, 2)
    assert all(torch.equal(found[key], state[key]) for key in found)


def test_weights_in_a_folder(tmp_path):
    state, _ = weights_of(CNN, tmp_path)
    (tmp_path / 'w.safetensors').rename(tmp_path / 'model.safetensors')
    network = build(CNN, init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path)))
    network.init_weights()
    assert torch.equal(network.network.conv_stem.weight, state['conv_stem.weight'])


@pytest.mark.parametrize('missing', ['none.safetensors', 'no folder', ''])
def test_weights_that_are_not_there(tmp_path, missing):
    """A file, a folder, and a folder without weights."""
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / missing))
    with pytest.raises(FormatError, match=r'no weights .*; give a file.*random weights \(init_cfg'):
        build(CNN, init_cfg=init_cfg).init_weights()


def test_without_weights_it_is_random_and_offline(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError('a test asked for the network')

    monkeypatch.setattr('socket.socket.connect', refuse)
    network = build(CNN)
    before = network.network.conv_stem.weight.clone()
    network.init_weights()
    assert torch.equal(network.network.conv_stem.weight, before)


def test_weights_of_another_network(tmp_path):
    _, init_cfg = weights_of(CNN, tmp_path, extra=torch.ones(1))
    with pytest.raises(
        FormatError, match=r'w\.safetensors does not fit EfficientNet: 0 weights are'
    ):
        build(CNN, init_cfg=init_cfg).init_weights()
    save_file(dict(other=torch.ones(1)), tmp_path / 'w.safetensors')
    with pytest.raises(FormatError, match='weights are missing and 1 unexpected, such as '):
        build(CNN, init_cfg=init_cfg).init_weights()
    save_file({'conv_stem.weight': torch.ones(1)}, tmp_path / 'w.safetensors')
    with pytest.raises(FormatError, match='has weights of another shape'):
        build(CNN, init_cfg=init_cfg).init_weights()


def test_names_that_are_wrong():
    with pytest.raises(ConfigError, match=r"timm has no model 'tf_efficientnet_lite9'; timm"):
        build('tf_efficientnet_lite9')
    with pytest.raises(
        ValueError, match=r'but blocks\\\.99 names none; they begin with conv_stem, bn1'
    ):
        build(CNN, frozen=[r'blocks\.99'])
    with pytest.raises(ConfigError, match=r"test_efficientnet .* an option: .*'no_such_option'"):
        build(CNN, options=dict(no_such_option=1))
