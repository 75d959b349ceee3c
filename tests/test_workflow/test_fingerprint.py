from dataclasses import replace

import pytest
from tiny_runs import ROOT

from qaclims_mm.paths import config_file
from qaclims_mm.schemas.project import ProjectTables, write_project_tables
from qaclims_mm.workflow import fingerprint as module
from qaclims_mm.workflow.fingerprint import Fingerprints, hash_stage_config, read_stage_config
from qaclims_mm.workflow.plans import read_plan
from qaclims_mm.workflow.stage import Stage


def hash_of(config, command, root):
    return hash_stage_config(Stage('a', command, config=str(config)), root)


def origin_of(config, command, root):
    stage = Stage('a', command, config=str(config))
    return Fingerprints(root / 'logs/data.json').origin_of(stage, root, 0)


def data_of(config, command, root):
    return origin_of(config, command, root).data


def test_checkpoints_of_stages_come_to_be_while_a_plan_runs(tmp_path, monkeypatch):
    """A finished training would be stale otherwise, and so would all that is made from it."""
    monkeypatch.chdir(tmp_path)
    plan = read_plan(config_file('voc12_qa-clims'))
    [stage] = [s for s in plan.stages if s.name == 'qa_clims']
    before = hash_stage_config(stage, plan.root)
    checkpoint = tmp_path / read_stage_config(stage, plan.root)['load_from']
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b'x')
    assert not plan.root.is_absolute()
    assert hash_stage_config(stage, plan.root) == before


def test_a_moved_chain_keeps_its_hashes(monkeypatch):
    monkeypatch.chdir(ROOT)
    path = 'configs/pipelines/miniworld_qa-clims.py'
    plans = [read_plan(path, root) for root in ('work_dirs/a', '/elsewhere/b')]
    first, second = ({s.name: hash_stage_config(s, p.root) for s in p.stages} for p in plans)
    assert first == second
    assert len({*first.values()}) > 3


def test_what_the_seed_changes_is_part_of_what_was_made(tmp_path):
    config = tmp_path / 'config.py'
    config.write_text('model = dict()\n')
    stage = Stage('a', 'train', config=str(config), seeded=True)
    other = replace(stage, seed_option='default_hooks.noise.seed')
    assert hash_stage_config(stage, tmp_path) != hash_stage_config(other, tmp_path)


def test_weights_trained_again_under_their_name_are_others(tmp_path, monkeypatch):
    (tmp_path / 'clip').mkdir()
    weights = tmp_path / 'clip/model.safetensors'
    config = tmp_path / 'config.py'
    config.write_text("work_dir = 'x'\ntext_encoding = dict(type='A', clip='miniworld://clip')\n")
    monkeypatch.setattr(module, 'resolve', lambda name: str(tmp_path / name.split('//')[1]))
    hashes = []
    for content in (b'first', b'second', b'first'):
        weights.write_bytes(content)
        hashes.append(hash_of(config, 'encode-texts', tmp_path))
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
        hash_one = hash_of if what == 'weights' else data_of
        hashes.append(hash_one(config, 'test', tmp_path / 'work'))
    assert hashes[0] == hashes[2] != hashes[1]


@pytest.mark.parametrize('command', ['train', 'test', 'visualize-cams'])
def test_lists_that_a_command_does_not_read_may_come_and_go(tmp_path, command):
    """As MiniWorld's beside a project that inherits its configs."""
    config, changed = tmp_path / 'config.py', {}
    loaders = {
        part: f"{part}_dataloader = dict(dataset=dict(ann_file='{tmp_path}/{part}.txt'))"
        for part in ('train', 'val', 'test')
    }
    config.write_text('\n'.join(loaders.values()) + '\n')
    for part in loaders:
        before = data_of(config, command, tmp_path / 'work')
        (tmp_path / f'{part}.txt').write_text('new')
        changed[part] = data_of(config, command, tmp_path / 'work') != before
    other = command == 'visualize-cams'
    wanted = dict(train=command != 'test', val=other, test=command != 'train')
    assert changed == wanted


def test_a_class_may_be_called_like_shipped_weights(tmp_path):
    config = tmp_path / 'config.py'
    hashes = set()
    for name in ('miniworld://none', "it's miniworld://none", 'cat'):
        config.write_text(f"work_dir = 'x'\nmodel = dict(classes=[{name!r}])\n")
        hashes.add(hash_of(config, 'test', tmp_path))
    assert len(hashes) == 3


@pytest.fixture
def photographs(tmp_path):
    """A config of a data set in VOC's layout, as far as a hash looks at it."""
    for name in ('JPEGImages/a.jpg', 'JPEGImages/sub/b.jpg', 'SegmentationClass/a.png'):
        path = tmp_path / 'data' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    config = tmp_path / 'config.py'
    dataset = dict(type='VOC12WeakDataset', data_root=f'{tmp_path}/data')
    imports = "custom_imports = dict(imports=['qaclims_mm.plugin'])\n"
    config.write_text(f'{imports}test_dataloader = dict(dataset={dataset!r})\n')
    return config


def test_images_count_by_their_content(photographs, tmp_path):
    data, work = tmp_path / 'data', tmp_path / 'work'
    found = [data_of(photographs, 'test', work)]

    def note():
        found.append(data_of(photographs, 'test', work))

    (data / 'JPEGImages/c.jpg').write_text('new')
    note()
    (data / 'JPEGImages/c.jpg').write_text('old')
    note()
    (data / 'JPEGImages/c.jpg').rename(data / 'JPEGImages/d.jpg')
    note()
    (data / 'SegmentationClass/a.png').write_text('other')
    note()
    assert len({*found}) == len(found)
    (data / 'JPEGImages/d.jpg').unlink()
    (data / 'SegmentationClass/a.png').write_text('SegmentationClass/a.png')
    (data / 'JPEGImages/.hidden.jpg').write_text('nothing')
    # copied: the same, with other dates
    (data / 'JPEGImages/a.jpg').touch()
    assert data_of(photographs, 'test', work) == found[0]
    assert data_of(photographs, 'train', work) == ''


def test_images_are_read_once(photographs, tmp_path, monkeypatch):
    first = data_of(photographs, 'test', tmp_path / 'work')
    monkeypatch.setattr(module, 'hash_file', None)
    assert data_of(photographs, 'test', tmp_path / 'work') == first
    # a broken cache costs time alone
    monkeypatch.undo()
    (tmp_path / 'work/logs/data.json').write_text('[3')
    assert data_of(photographs, 'test', tmp_path / 'work') == first


def test_images_that_a_stage_makes_are_that_stage_s(photographs, tmp_path):
    stage = Stage('a', 'test', config=str(photographs))
    found = Fingerprints(tmp_path / 'logs/data.json', [str(tmp_path / 'data')])
    assert found.origin_of(stage, tmp_path / 'work', 0).data == ''


def test_labelled_images_of_a_project_count_however_they_are_named(tmp_path):
    images = tmp_path / 'images'
    images.mkdir()
    for name in ('a.jpg', 'b.jpg', 'other.jpg'):
        (images / name).write_text(name)
    write_project_tables(tmp_path, ProjectTables(images, ['cat']))
    (tmp_path / 'labels.csv').write_text(f'image,labels\n{images}/a.jpg,cat\nb,cat\n')
    config = tmp_path / 'config.py'
    dataset = dict(type='FolderWeakDataset', project=str(tmp_path))
    imports = "custom_imports = dict(imports=['qaclims_mm.plugin'])\n"
    config.write_text(f'{imports}test_dataloader = dict(dataset={dataset!r})\n')
    first, changed = data_of(config, 'test', tmp_path / 'work'), {}
    for name in ('a.jpg', 'b.jpg', 'other.jpg'):
        (images / name).write_text('another picture')
        changed[name] = data_of(config, 'test', tmp_path / 'work') != first
        (images / name).write_text(name)
    assert changed == {'a.jpg': True, 'b.jpg': True, 'other.jpg': False}


def test_corrected_masks_concern_what_trains_on_them_alone(tmp_path):
    path = tmp_path / 'config.py'
    step = dict(type='LoadMask', masks=f'{tmp_path}/made', corrected=f'{tmp_path}/corrected')
    path.write_text(
        "work_dir = 'x'\nmodel = dict(type='A')\n"
        f'train_dataloader = dict(dataset=dict(pipeline=[{step!r}]))\n'
        'test_dataloader = dict(dataset=dict(pipeline=[]))\n'
    )
    stages = [('train', []), ('test', [])]
    for command, hashes in stages:
        hashes.append(origin_of(path, command, tmp_path / 'work').corrected)
    for content in (b'one', b'two', b'one'):
        (tmp_path / 'corrected/sub').mkdir(parents=True, exist_ok=True)
        (tmp_path / 'corrected/sub/a.png').write_bytes(content)
        for command, hashes in stages:
            hashes.append(origin_of(path, command, tmp_path / 'work').corrected)
    trained, tested = (hashes for _, hashes in stages)
    assert trained[0] == ''
    assert trained[1] == trained[3]
    assert len({*trained}) == 3
    assert {*tested} == {''}
    # images and labels are the same
    assert data_of(path, 'train', tmp_path / 'work') == ''


def test_texts_do_not_depend_on_how_a_network_is_trained(tmp_path):
    config = tmp_path / 'config.py'
    hashes = {}
    for epochs, prompt, bank in ((3, 'a', 't'), (5, 'a', 't'), (5, 'b', 't'), (5, 'b', 'u')):
        config.write_text(
            f"work_dir = 'x'\ntrain_cfg = dict(max_epochs={epochs})\n"
            f"model = dict(type='RITC', temperature=0.1 * {epochs}, text_bank={bank!r})\n"
            f'text_encoding = dict(prompt={prompt!r})\n'
        )
        for command in ('encode-texts', 'train'):
            hashes.setdefault(command, []).append(hash_of(config, command, tmp_path))
    first, second, prompt, bank = hashes['encode-texts']
    assert first == second
    assert len({first, prompt, bank}) == 3
    assert len(set(hashes['train'])) == 4
