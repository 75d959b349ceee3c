import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from qaclims_mm.convert.publishing import publish
from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.inference import CAMInferencer


def save(path, **state):
    torch.save(dict(state_dict=state, optimizer=dict(state={0: torch.ones(9)})), path)
    return path


def test_weights_alone_and_half_as_wide(tmp_path):
    weight, count = torch.rand(64, 64).T, torch.tensor(7)
    path = save(tmp_path / 'epoch_1.pth', weight=weight, count=count)
    size = publish(path, tmp_path / 'out/model.safetensors')
    state = load_file(tmp_path / 'out/model.safetensors')
    assert list(state) == ['count', 'weight']
    assert torch.equal(state['weight'], weight.half())
    assert torch.equal(state['count'], count)
    assert 64 * 64 * 2 < size < 64 * 64 * 2 + 400
    # what torch wrote without a state_dict around it, in full
    torch.save(dict(weight=weight), tmp_path / 'plain.pth')
    publish(tmp_path / 'plain.pth', tmp_path / 'full.safetensors', half=False)
    assert torch.equal(load_file(tmp_path / 'full.safetensors')['weight'], weight)
    with safe_open(tmp_path / 'full.safetensors', 'pt') as file:
        assert file.metadata() == {'format': 'pt'}


def test_a_network_reads_it(tmp_path):
    config = 'configs/miniworld/cam_r18-mini_1xb16-3e_miniworld-112x112.py'
    inferencer = CAMInferencer(config, device='cpu')
    with torch.no_grad():
        next(inferencer.model.cam_head.parameters()).fill_(0.5)
    torch.save(inferencer.model.state_dict(), tmp_path / 'a.pth')
    publish(tmp_path / 'a.pth', tmp_path / 'a.safetensors')
    again = CAMInferencer(config, str(tmp_path / 'a.safetensors'), device='cpu')
    assert (next(again.model.cam_head.parameters()) == 0.5).all()


@pytest.mark.parametrize(
    ('name', 'state', 'out', 'message'),
    [
        ('gone.pth', None, 'a.safetensors', 'there is no checkpoint .*gone.pth'),
        ('a.pth', dict(weight=torch.ones(1)), 'a.pth', 'must end in .safetensors, but got a.pth'),
        ('a.pth', dict(epoch=3), 'a.safetensors', 'has no state_dict of weights'),
        ('a.pth', dict(w=torch.tensor([1e9])), 'a.safetensors', 'no finite numbers of 16 bits: w'),
    ],
)
def test_bad_input(tmp_path, name, state, out, message, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if state is not None:
        save(tmp_path / name, **state)
    kind = ConfigError if 'must end' in message else FormatError
    with pytest.raises(kind, match=message):
        publish(tmp_path / name, out)
    assert not (tmp_path / 'a.safetensors').exists()


def test_a_checkpoint_with_code_is_refused(tmp_path):
    torch.save(dict(state_dict=dict(w=print)), tmp_path / 'bad.pth')
    with pytest.raises(FormatError, match='cannot be loaded safely'):
        publish(tmp_path / 'bad.pth', tmp_path / 'a.safetensors')
