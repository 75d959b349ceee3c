import json
import shutil
from dataclasses import replace

import pytest
from tiny_models import CLASSIFIER, NAMES, RITC, SEGMENTOR, make_stage

from qaclims_mm.demo.networks import find_networks, network_of_config, shipped_networks
from qaclims_mm.engine.config import read_config
from qaclims_mm.errors import FormatError
from qaclims_mm.inference.meaning import OF_MINIWORLD, OF_REHEARSAL
from qaclims_mm.inference.models import find_model
from qaclims_mm.paths import config_file
from qaclims_mm.schemas import run_config_path, write_run_config
from qaclims_mm.schemas.project import PROJECT
from qaclims_mm.schemas.project_options import INIT, Options, init_bytes

QAPE = 'qape_blip-mini_fg6-bg10_miniworld-112x112'


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """A work dir in which all was trained, and a VQA model was asked."""
    work = tmp_path_factory.mktemp('run') / 'work'
    make_stage(work / 'cam', CLASSIFIER)
    make_stage(work / 'qa_clims', RITC)
    make_stage(work / 'segment', SEGMENTOR)
    values = read_config(config_file(QAPE)).to_dict()
    (work / 'qape').mkdir()
    write_run_config(work / 'qape', 'test', 'qape.py', values)
    return work


def test_a_work_dir(run):
    found = find_networks(run)
    assert found.config.model.type == 'RITC'
    assert found.segmentor.file == run / 'segment/epoch_3.pth'
    assert found.qape.model.vqa.type == 'BlipVQA'
    assert [line.split(' (')[0] for line in found.lines] == ['RITC', 'DeepLabV2']
    assert found.warning == OF_MINIWORLD


def test_a_project(run, tmp_path):
    shutil.copytree(run, tmp_path / 'work')
    (tmp_path / PROJECT).write_text('{}')
    found = find_networks(tmp_path)
    assert found.config.model.type == 'RITC'
    assert found.segmentor.file.is_relative_to(tmp_path)


@pytest.mark.parametrize('missing', ['qa_clims', 'segment', 'qape', 'cam'])
def test_what_was_not_trained_is_not_there(run, tmp_path, missing):
    shutil.copytree(run, tmp_path / 'work')
    shutil.rmtree(tmp_path / 'work' / missing)
    found = find_networks(tmp_path / 'work')
    assert found.config.model.type == ('CAMClassifier' if missing == 'qa_clims' else 'RITC')
    assert (found.segmentor is None) == (missing == 'segment')
    assert (found.qape is None) == (missing == 'qape')


def test_a_stage_and_a_checkpoint_are_one_network(run):
    for model in (run / 'segment', run / 'segment/epoch_3.pth'):
        found = find_networks(model)
        assert (found.config, found.qape) == (None, None)
        assert found.segmentor.file == run / 'segment/epoch_3.pth'
    found = find_networks(run / 'cam')
    assert (found.segmentor, found.qape) == (None, None)
    assert found.config.model.type == 'CAMClassifier'
    # the classes are those of the checkpoint
    assert tuple(found.config.test_dataloader.dataset.metainfo.classes) == NAMES


def test_what_is_no_model_is_said_as_by_predict(tmp_path):
    for model in (tmp_path / 'nothing', tmp_path):
        with pytest.raises(FormatError) as wanted:
            find_model(model)
        with pytest.raises(FormatError) as told:
            find_networks(model)
        assert str(told.value) == str(wanted.value)


def test_a_type_that_is_not_registered_is_not_imported(run, tmp_path):
    work = tmp_path / 'work'
    shutil.copytree(run, work)
    path = run_config_path(work / 'qape', 'test')
    value = json.loads(path.read_text())
    value['values']['model']['vqa'] = dict(type='os.system', command='true')
    path.write_text(json.dumps(value))
    with pytest.raises(FormatError, match=r"names the type 'os\.system'"):
        find_networks(work)


@pytest.mark.parametrize(
    ('preset', 'warning'),
    [('rehearsal', OF_REHEARSAL), ('mini', OF_MINIWORLD), ('full', OF_MINIWORLD)],
)
def test_networks_whose_masks_mean_nothing(run, tmp_path, preset, warning):
    shutil.copytree(run, tmp_path / 'work')
    options = Options(tmp_path / 'images', preset=preset)
    (tmp_path / INIT).write_bytes(init_bytes(tmp_path, options, {}))
    for place in ('work', 'work/segment', 'work/segment/epoch_3.pth'):
        found = find_networks(tmp_path / place)
        assert (found.warning, found.preset) == (warning, preset)


def test_trained_networks_have_no_warning(run, tmp_path):
    work = tmp_path / 'work'
    shutil.copytree(run / 'segment', work / 'segment')
    path = run_config_path(work / 'segment', 'train')
    path.write_text(path.read_text().replace('miniworld://', 'torchvision://'))
    (tmp_path / INIT).write_text('no table')
    assert find_networks(work).warning == ''


def test_networks_that_ship():
    found = shipped_networks()
    assert (found.segmentor, found.warning, found.max_side) == (None, OF_MINIWORLD, 224)
    assert found.refiner.model.type == 'PARRefiner'
    plain = network_of_config('clip-cam_clip-mini_miniworld-112x112')
    assert (plain.weights, plain.warning) == (None, OF_MINIWORLD)
    assert network_of_config('cam_r50_2xb8-5e_voc12aug-512x512').warning == ''
    assert (found.preset, found.weights_name) == ('', found.weights)


def test_each_network_of_miniworld_is_named(run, tmp_path):
    """A warning comes also where only the VQA model or the refiner is MiniWorld's."""
    real = network_of_config('cam_r50_2xb8-5e_voc12aug-512x512')
    small = shipped_networks()
    assert replace(real, qape=small.qape).warning == OF_MINIWORLD
    assert replace(real, segmentor=find_networks(run).segmentor).warning == OF_MINIWORLD
    # PAR has no weights
    assert replace(real, refiner=small.refiner).warning == ''
