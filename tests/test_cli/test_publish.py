import torch
from safetensors.torch import load_file
from tool_runs import run_tool


def test_publish(tmp_path, capsys):
    weight = torch.rand(3, 3)
    torch.save(dict(state_dict=dict(weight=weight)), tmp_path / 'a.pth')
    out = tmp_path / 'a.safetensors'
    assert run_tool('publish', tmp_path / 'a.pth', out, capsys=capsys).status == 0
    assert torch.equal(load_file(out)['weight'], weight.half())
    ended = run_tool('publish', tmp_path / 'a.pth', out, '--full', capsys=capsys)
    assert torch.equal(load_file(out)['weight'], weight)
    assert ended.text.strip() == f'{out}: 0.0 MB'


def test_bad_input(tmp_path, capsys):
    ended = run_tool('publish', tmp_path / 'no.pth', 'a.safetensors', capsys=capsys)
    assert ended.status == 1
    assert 'there is no checkpoint' in ended.text
