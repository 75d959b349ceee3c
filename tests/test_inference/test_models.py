import json
import os
import shutil

import numpy as np
import pytest
import torch
from tiny_models import CLASSIFIER, EOMT, NAMES, RITC, SEGMENTOR, SHIPPED, make_pictures, make_stage

from qaclims_mm.convert.publishing import publish
from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.inference import CAMInferencer, Segmenter, load_model
from qaclims_mm.inference.models import (
    checkpoint_of_folder,
    find_model,
    last_checkpoint,
    load_found,
)
from qaclims_mm.schemas import write_run_config
from qaclims_mm.schemas.claims import write_claim
from qaclims_mm.schemas.project import ProjectTables, write_project_tables
from qaclims_mm.schemas.stage_folder import StageFolder


@pytest.fixture
def work(tmp_path):
    make_stage(tmp_path / 'work/segment')
    make_stage(tmp_path / 'work/cam', CLASSIFIER)
    (tmp_path / 'photos').mkdir()
    write_project_tables(tmp_path, ProjectTables(tmp_path / 'photos', NAMES[1:]))
    return tmp_path / 'work'


@pytest.mark.parametrize('place', ['.', 'work', 'work/segment', 'work/segment/epoch_3.pth'])
def test_a_network_by_its_place(work, place):
    found = find_model(work.parent / place)
    assert found.file.samefile(work / 'segment/epoch_3.pth')
    line = found.describe()
    assert line.startswith('DeepLabV2 (segmentor) of ')
    assert line.endswith(f'epoch_3.pth; config: {SEGMENTOR}.py in train_config.json')
    segmenter = load_model(work.parent / place, device='cpu')
    assert isinstance(segmenter, Segmenter)
    # those that it was trained on
    assert segmenter.classes == NAMES


def test_masks_are_those_of_the_config_itself(work, tmp_path):
    [path, *_] = make_pictures(tmp_path / 'p')
    given = Segmenter(SEGMENTOR, work / 'segment/epoch_3.pth', device='cpu').segment(path)
    found = load_model(work, device='cpu').segment(path)
    assert np.array_equal(found.mask, given.mask)
    assert len(found.areas) > 1


def test_a_set_of_masks(tmp_path):
    """EoMT by its work dir, from plain values of a config; also of tiles."""
    make_stage(tmp_path / 'work/segment', EOMT)
    [path, *_] = make_pictures(tmp_path / 'p')
    found = find_model(tmp_path / 'work')
    assert found.describe().startswith('EoMT (segmentor) of ')
    given = Segmenter(EOMT, tmp_path / 'work/segment/epoch_3.pth', device='cpu').segment(path)
    assert np.array_equal(load_found(found, 'cpu').segment(path).mask, given.mask)
    assert load_found(found, 'cpu', tile=32).segment(path).mask.shape == given.mask.shape


def test_a_network_of_maps(work, tmp_path):
    assert isinstance(load_model(work / 'cam', device='cpu'), CAMInferencer)
    make_stage(tmp_path / 'x/qa_clims', RITC)
    inferencer = load_model(tmp_path / 'x', device='cpu')
    assert inferencer.class_names == NAMES[1:]
    with pytest.raises(ConfigError, match=r'RITC makes maps of classes .* say it \(--labels\)'):
        inferencer.check_tells()


@pytest.mark.parametrize('name', ['a.safetensors', 'a.pth'])
@pytest.mark.parametrize('config', [SEGMENTOR, CLASSIFIER, RITC])
def test_a_published_file_needs_no_other(tmp_path, name, config):
    checkpoint = make_stage(tmp_path / 'work/stage', config)
    publish(checkpoint, tmp_path / 'out' / name, half=False)
    found = find_model(tmp_path / 'out' / name)
    assert found.origin == 'in the file'
    assert tuple(found.config.test_dataloader.dataset.metainfo.classes) == NAMES
    [path] = make_pictures(tmp_path / 'p', 1)
    masks = []
    for place in (tmp_path / 'out' / name, checkpoint):
        predictor = load_model(place, device='cpu')
        options = {} if config == SEGMENTOR else dict(labels=['cat', 'dog'])
        masks.append(predictor.predict(predictor.read(path), **options).mask)
    assert np.array_equal(*masks)


def test_a_config_that_is_given(tmp_path):
    found = find_model(SHIPPED, SEGMENTOR)
    assert found.describe().endswith(f'config: {SEGMENTOR}.py')
    with pytest.raises(FormatError, match=r'has no config in it, and none .* give it: --config'):
        find_model(SHIPPED)


def test_the_last_checkpoint(tmp_path):
    for name in ('epoch_9.pth', 'epoch_10.pth', 'best_mIoU_epoch_2.pth', 'notes.txt'):
        (tmp_path / name).write_bytes(b'')
    (tmp_path / 'epoch_11.pth').mkdir()
    assert last_checkpoint(tmp_path).name == 'epoch_10.pth'
    for name in ('epoch_9.pth', 'epoch_10.pth'):
        (tmp_path / name).unlink()
    assert last_checkpoint(tmp_path).name == 'best_mIoU_epoch_2.pth'
    (tmp_path / 'other.safetensors').write_bytes(b'')
    with pytest.raises(FormatError, match='has several checkpoints; name one: best_mIoU_epoch_2'):
        last_checkpoint(tmp_path)


def test_a_stage_that_has_not_ended(work):
    stage = StageFolder(work / 'segment')
    write_claim(stage.path, dict(stage='segment'))
    half = stage.path / 'epoch_3.pth'
    for place in (work.parent, work, stage.path):
        with pytest.raises(FormatError, match=rf'segment has not ended; .* name {half} to take it'):
            find_model(place)
    assert find_model(half).file == half
    stage.finish(0)
    for place in (work.parent, work, stage.path):
        assert find_model(place).file.samefile(half)


@pytest.mark.parametrize('is_begun', [False, True])
def test_no_other_stage_stands_for_one_that_has_just_begun(work, is_begun):
    (work / 'segment/epoch_3.pth').unlink()
    if is_begun:
        write_claim(work / 'segment', dict(stage='segment'))
    for place in (work.parent, work):
        with pytest.raises(FormatError, match=r'segment has not ended; .* or name another stage'):
            find_model(place)
    assert find_model(work / 'cam').makes_maps
    shutil.rmtree(work / 'segment')
    assert find_model(work).file == work / 'cam/epoch_3.pth'


def test_folders_without_a_network(tmp_path):
    with pytest.raises(FormatError, match='has no checkpoint, so nothing was trained there'):
        checkpoint_of_folder(tmp_path)
    make_stage(tmp_path / 'seed1/segment')
    with pytest.raises(FormatError, match=r'name the folder of one: .*seed1/segment\.'):
        find_model(tmp_path)
    with pytest.raises(FormatError, match=r'there is no checkpoint .*gone'):
        find_model(tmp_path / 'gone')


def test_a_network_of_another_kind(tmp_path):
    make_stage(tmp_path / 'irn', 'irn_r18-mini_1xb16-10e_miniworld-112x112')
    with pytest.raises(ConfigError, match='makes neither masks nor activation maps'):
        find_model(tmp_path / 'irn')


@pytest.mark.parametrize(
    'change',
    [
        lambda values: values['model'].update(type='os.system', command='touch executed'),
        lambda values: values['model']['backbone'].update(type='subprocess.run', args=['true']),
        lambda values: values['test_dataloader']['dataset']['pipeline'].append(
            dict(type='mmengine.load', file='x.pkl')
        ),
        lambda values: values['test_dataloader']['dataset'].update(type='builtins.exec'),
        lambda values: values['model'].update(type=['DeepLabV2']),
        lambda values: values['model']['decode_head'].update(type='mmpretrain.load'),
    ],
)
def test_code_in_the_config_of_a_run_is_not_run(tmp_path, change, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_stage(tmp_path / 'segment')
    path = tmp_path / 'segment/train_config.json'
    values = json.loads(path.read_text())['values']
    change(values)
    write_run_config(path.parent, 'train', 'x.py', values)
    with pytest.raises(FormatError, match=r'names the type .* so it is not built'):
        find_model(tmp_path)
    assert not os.path.exists('executed')


@pytest.mark.parametrize('key', ['model', 'test_dataloader'])
def test_configs_that_lack_something(tmp_path, key):
    make_stage(tmp_path / 'segment')
    path = tmp_path / 'segment/train_config.json'
    values = json.loads(path.read_text())['values']
    write_run_config(path.parent, 'train', 'x.py', values | {key: None})
    with pytest.raises(FormatError, match=r'does not say how the network reads .* --config CONFIG'):
        find_model(tmp_path)


def test_classes_without_names_in_the_checkpoint(tmp_path):
    path = make_stage(tmp_path / 'segment')
    state = torch.load(path, weights_only=True)['state_dict']
    torch.save(dict(state_dict=state), path)
    assert load_model(tmp_path, device='cpu').classes[:3] == ('background', 'aeroplane', 'bird')
