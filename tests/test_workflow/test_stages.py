import pytest
from tiny_runs import ROOT

from qaclims_mm.engine.config import read_config
from qaclims_mm.errors import ConfigError
from qaclims_mm.workflow.plan import read_plan
from qaclims_mm.workflow.stages import last_checkpoint, prediction, training

PIPELINES = sorted((ROOT / 'configs/pipelines').glob('*.py'))
DEEPLAB = 'configs/deeplabv2/deeplabv2_r101_qa-clims-irn_1xb5-30k_voc12aug-321x321.py'
CAM = 'configs/cam/cam_r101_2xb8-5e_voc12aug-512x512.py'


@pytest.fixture(autouse=True)
def _root(monkeypatch):
    monkeypatch.chdir(ROOT)


def test_folders_and_checkpoints():
    assert last_checkpoint(read_config(DEEPLAB)) == 'iter_30000.pth'
    assert training('cam', CAM, '')['ranks'] == 2
    assert training('mine', 'my_leaf.py', '', ranks=3)['ranks'] == 3
    with pytest.raises(ConfigError, match=r'stage mine: how many ranks my_leaf.py is for is not'):
        training('mine', 'my_leaf.py', '')
    judged = prediction('maps', CAM, '', ['cam'], of='cam')
    assert (judged['folder'], judged['checkpoint']) == ('cam', '{work_dir}/cam/epoch_5.pth')
    export = prediction('export', CAM, '', ['cam'], of='cam', folder='export')
    assert (export['folder'], export['checkpoint']) == ('export', '{work_dir}/cam/epoch_5.pth')
    alone = prediction('qape', CAM, '')
    assert (alone['folder'], alone['checkpoint']) == ('qape', 'none')


# {tool: parts of the config that it reads}
READS = {
    'train.py': ('train_dataloader', 'load_from'),
    'test.py': ('test_dataloader',),
    'encode_texts.py': ('text_encoding',),
}


@pytest.mark.parametrize('path', PIPELINES, ids=lambda p: p.stem)
def test_stages_need_those_whose_files_they_read(path):
    plan = read_plan(path, 'root')
    folders = {stage.name: str(plan.folder(stage)) for stage in plan.stages}
    found = 0
    for stage in plan.stages:
        reads = repr(stage.checkpoint)
        for part in READS.get(stage.tool, ()):
            reads += repr(read_config(stage.config, folders[stage.name], root='root').get(part))
        others = {n for n, folder in folders.items() if f"'{folder}/" in reads}
        others -= {n for n in others if folders[n] == folders[stage.name]}
        # two stages share a folder: a training, and what it predicts
        reached = {folders[n] for n in stage.needs}
        assert {folders[n] for n in others} <= reached, stage.name
        found += len(others)
    assert found >= 5


@pytest.mark.parametrize('path', PIPELINES, ids=lambda p: p.stem)
def test_by_hand_a_stage_writes_where_the_pipeline_does(path):
    plan = read_plan(path)
    official = 'official' in path.stem
    for stage in plan.stages:
        # COCO's segmentor is trained alike in both presets
        alike = 'coco14' in path.stem and official and stage.name.startswith('segment')
        if stage.config and not alike:
            cfg = read_config(stage.config, root=plan.root)
            assert cfg.work_dir == str(plan.folder(stage)), stage.name
