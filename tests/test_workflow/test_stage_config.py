import pytest
from tiny_runs import ROOT

from qaclims_mm.workflow import stage_config as module
from qaclims_mm.workflow.plan import Stage, read_plan
from qaclims_mm.workflow.stage_config import hash_stage_config


def hash_of(config, tool, root):
    return hash_stage_config(Stage('a', tool, config=str(config)), root / 'a', root)


def test_a_moved_chain_keeps_its_hashes(monkeypatch):
    monkeypatch.chdir(ROOT)
    path = 'configs/pipelines/miniworld_qa-clims.py'
    plans = [read_plan(path, root) for root in ('work_dirs/a', '/elsewhere/b')]
    first, second = (
        {s.name: hash_stage_config(s, p.folder(s), p.root) for s in p.stages if s.config}
        for p in plans
    )
    assert first == second
    assert len({*first.values()}) > 3


def test_weights_trained_again_under_their_name_are_others(tmp_path, monkeypatch):
    (tmp_path / 'clip').mkdir()
    weights = tmp_path / 'clip/model.safetensors'
    config = tmp_path / 'config.py'
    config.write_text("work_dir = 'x'\nmodel = dict(type='A', clip='miniworld://clip')\n")
    monkeypatch.setattr(module, 'resolve', lambda name: str(tmp_path / name.split('//')[1]))
    hashes = []
    for content in (b'first', b'second', b'first'):
        weights.write_bytes(content)
        hashes.append(hash_of(config, 'encode_texts.py', tmp_path))
    assert hashes[0] == hashes[2] != hashes[1]


@pytest.mark.parametrize('what', ['weights', 'list', 'labels'])
def test_weights_and_lists_outside_are_part_of_what_was_made(tmp_path, what):
    files = dict(weights='clip.safetensors', list='data/train.txt', labels='data/labels.csv')
    (tmp_path / 'data').mkdir()
    for name in files.values():
        (tmp_path / name).write_text('first')
    config = tmp_path / 'config.py'
    dataset = dict(data_root=f'{tmp_path}/data', ann_file='train.txt', labels_file='labels.csv')
    config.write_text(
        f"work_dir = 'x'\nmodel = dict(pretrained='{tmp_path}/clip.safetensors')\n"
        f'test_dataloader = dict(dataset={dataset!r})\n'
    )
    hashes = []
    for content in ('first', 'second', 'first'):
        (tmp_path / files[what]).write_text(content)
        hashes.append(hash_of(config, 'test.py', tmp_path / 'work'))
    assert hashes[0] == hashes[2] != hashes[1]


@pytest.mark.parametrize('tool', ['train.py', 'test.py', 'visualize_cams.py'])
def test_lists_that_a_tool_does_not_read_may_come_and_go(tmp_path, tool):
    """As MiniWorld's beside a project that inherits its configs."""
    config, changed = tmp_path / 'config.py', {}
    loaders = {
        part: f"{part}_dataloader = dict(dataset=dict(ann_file='{tmp_path}/{part}.txt'))"
        for part in ('train', 'val', 'test')
    }
    config.write_text('\n'.join(loaders.values()) + '\n')
    for part in loaders:
        before = hash_of(config, tool, tmp_path / 'work')
        (tmp_path / f'{part}.txt').write_text('new')
        changed[part] = hash_of(config, tool, tmp_path / 'work') != before
    other = tool == 'visualize_cams.py'
    wanted = dict(train=tool != 'test.py', val=other, test=tool != 'train.py')
    assert changed == wanted


def test_a_class_may_be_called_like_shipped_weights(tmp_path):
    config = tmp_path / 'config.py'
    hashes = set()
    for name in ('miniworld://none', "it's miniworld://none", 'cat'):
        config.write_text(f"work_dir = 'x'\nmodel = dict(classes=[{name!r}])\n")
        hashes.add(hash_of(config, 'test.py', tmp_path))
    assert len(hashes) == 3
