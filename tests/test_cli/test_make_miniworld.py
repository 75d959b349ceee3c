import json
from pathlib import Path

from tool_runs import run_tool

SMALL = ('--num-train', 2, '--num-val', 1, '--size', 32)


def test_draws_what_is_asked(tmp_path, capsys):
    done = run_tool('make_miniworld', '--root', tmp_path / 'w', *SMALL, '--seed', 7, capsys=capsys)
    assert done.status == 0
    assert f'MiniWorld: 2 + 1 pictures in {tmp_path / "w"}' in done.text.replace('\n', '')
    assert json.loads((tmp_path / 'w/world.json').read_text()) == dict(
        version=1, num_train=2, num_val=1, seed=7, size=32
    )
    assert len(list((tmp_path / 'w/JPEGImages').iterdir())) == 3


def test_default_is_what_the_configs_read(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr('qaclims_mm.miniworld.generate', lambda *args: args)
    done = run_tool('make_miniworld', capsys=capsys)
    assert done.status == 0
    assert "('data/miniworld', 1500, 300, 0, 112)" in done.text
    config = Path(__file__).parents[2] / 'configs/_base_/datasets/miniworld.py'
    assert "data_root = 'data/miniworld'" in config.read_text()


def test_messages(tmp_path, capsys):
    run_tool('make_miniworld', '--root', tmp_path / 'w', *SMALL, capsys=capsys)
    done = run_tool('make_miniworld', '--root', tmp_path / 'w', *SMALL, '--seed', 1, capsys=capsys)
    assert done.status == 1
    assert 'error: ' in done.text
    assert 'holds a MiniWorld with' in done.text
    assert done.text.endswith('delete the folder or choose another --root.')


def test_impossible_numbers(tmp_path, capsys):
    done = run_tool('make_miniworld', '--root', tmp_path / 'w', '--size', 5, capsys=capsys)
    assert done.status == 2
    assert 'at least one picture of at least 32 pixels a side' in done.text
    assert not list(tmp_path.iterdir())
