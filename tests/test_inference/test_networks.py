import shutil

import pytest
import torch
from helpers import served
from safetensors.torch import save_file

from qaclims_mm.engine.config import read_config
from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.inference.networks import build_network, read_network_config
from qaclims_mm.paths import config_path, resolve

HEAD = dict(type='CAMHead', in_channels=4, num_classes=3)


def test_a_config_of_misspelt_classes(tmp_path):
    name = 'prompted_clipseg-mini_labels_miniworld-112x112'
    path = tmp_path / 'leaf.py'
    aliases = "model = dict(prompting=dict(aliases={'ship': ['vessel'], 'aeroplan': ['jet']}))"
    path.write_text(f"_base_ = '{config_path(f'miniworld/{name}.py')}'\n{aliases}\n")
    assert read_network_config(name).model.type == 'PromptedMasks'
    for given in (path, str(path), read_config(path)):
        with pytest.raises(ConfigError, match=r"names the class 'ship', which does not exist"):
            read_network_config(given)


def test_weights(tmp_path, capsys):
    state = build_network(HEAD, None).state_dict()
    wanted = {k: torch.rand_like(v) for k, v in state.items()}
    torch.save(dict(state_dict=wanted), tmp_path / 'a.pth')
    save_file({k: v.half() for k, v in wanted.items()}, tmp_path / 'a.safetensors')
    for name, dtype in (('a.pth', torch.float32), ('a.safetensors', torch.float16)):
        network = build_network(HEAD, tmp_path / name)
        assert not network.training
        for key, value in network.state_dict().items():
            assert value.dtype == torch.float32
            assert torch.equal(value, wanted[key].to(dtype).float())
    # a notebook has no use for where they were read
    assert capsys.readouterr().out == ''


def test_bad_weights(tmp_path):
    with pytest.raises(FormatError, match=r'there is no checkpoint .*no\.pth'):
        build_network(HEAD, tmp_path / 'no.pth')
    save_file(dict(other=torch.ones(1)), tmp_path / 'a.safetensors')
    with pytest.raises(FormatError, match='the checkpoint does not fit CAMHead'):
        build_network(HEAD, tmp_path / 'a.safetensors')
    (tmp_path / 'b.safetensors').write_bytes(b'no weights')
    with pytest.raises(FormatError, match=r'b\.safetensors cannot be loaded safely'):
        build_network(HEAD, tmp_path / 'b.safetensors')


def test_names_of_weights(tmp_path, monkeypatch):
    """A network is the same from a file, the package and an address."""
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    shipped = 'miniworld://segment/r18-mini.safetensors'
    model = read_config(
        config_path('miniworld/deeplabv2_r18-mini_full_1xb16-10e_miniworld-112x112.py')
    ).model
    shutil.copy(resolve(shipped), tmp_path / 'a.safetensors')
    with served(tmp_path) as (address, _):
        names = (shipped, f'{address}/a.safetensors', tmp_path / 'a.safetensors')
        first, *others = [build_network(model, name).state_dict() for name in names]
    for other in others:
        assert all(torch.equal(other[key], value) for key, value in first.items())
