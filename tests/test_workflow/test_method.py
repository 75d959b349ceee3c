import pytest
from tiny_runs import ROOT

from qaclims_mm.engine.config import read_config
from qaclims_mm.errors import ConfigError
from qaclims_mm.workflow.method import (
    last_checkpoint,
    prediction,
    texts_and_maps,
    training,
)
from qaclims_mm.workflow.plans import read_plan

PIPELINES = sorted((ROOT / 'configs/pipelines').glob('*.py'))
DEEPLAB = 'configs/deeplabv2/deeplabv2_r101_qa-clims-irn_1xb5-30k_voc12aug-321x321.py'
CAM = 'configs/cam/cam_r101_2xb8-5e_voc12aug-512x512.py'


@pytest.fixture(autouse=True)
def _root(monkeypatch):
    monkeypatch.chdir(ROOT)


def test_ranks_and_checkpoints():
    assert last_checkpoint(read_config(DEEPLAB)) == 'iter_30000.pth'
    assert training('cam', CAM, '')['ranks'] == 2
    assert training('mine', 'my_leaf.py', '', ranks=3)['ranks'] == 3
    with pytest.raises(ConfigError, match=r'stage mine: the name of my_leaf.py does not have the'):
        training('mine', 'my_leaf.py', '')
    judged = prediction('maps', CAM, '', ['cam'], of='cam')
    assert judged['checkpoint'] == '{work_dir}/cam/epoch_5.pth'
    assert prediction('qape', CAM, '')['checkpoint'] == 'none'


FIXED = 'configs/miniworld/qa-clims_r18-mini_clip-mini-mask-fixed_1xb16-5e_miniworld-112x112.py'


def test_a_training_with_its_texts_and_maps():
    texts, train, maps = texts_and_maps('mine', FIXED, 'train it', ['qape_fixed'])
    assert [texts['command'], train['command'], maps['command']] == [
        'encode-texts',
        'train',
        'test',
    ]
    assert [s['name'] for s in (texts, train, maps)] == ['mine_texts', 'mine', 'mine_maps']
    assert [s['needs'] for s in (texts, train, maps)] == [['qape_fixed'], ['mine_texts'], ['mine']]
    assert maps['checkpoint'] == '{work_dir}/mine/epoch_5.pth'
    assert train['ranks'] == 1


# {sub-command: parts of the config that it reads}
READS = {
    'train': ('train_dataloader', 'load_from'),
    'test': ('test_dataloader',),
    'encode-texts': ('text_encoding',),
}


@pytest.mark.parametrize('path', PIPELINES, ids=lambda p: p.stem)
def test_stages_need_those_whose_files_they_read(path):
    # without a run that chooses others, a segmentor's config reads the masks of IRN
    plan = read_plan(path, 'root', 'irn')
    folders = {stage.name: str(plan.root / stage.name) for stage in plan.all_stages}
    found = 0
    for stage in plan.all_stages:
        reads = repr(stage.at(plan.root).checkpoint)
        for part in READS.get(stage.command, ()):
            reads += repr(read_config(stage.config, folders[stage.name], root='root').get(part))
        others = {n for n, folder in folders.items() if f"'{folder}/" in reads}
        assert others <= {*stage.needs, stage.name}, stage.name
        found += len(others)
    assert found >= 5


@pytest.mark.parametrize('path', PIPELINES, ids=lambda p: p.stem)
def test_by_hand_a_training_writes_where_the_plan_does(path):
    plan = read_plan(path)
    for stage in plan.stages:
        # COCO's segmentor is trained alike in both presets
        alike = path.stem == 'coco14_qa-clims-official' and stage.name == 'segment'
        if stage.command == 'train' and not alike:
            cfg = read_config(stage.config, root=plan.root)
            assert cfg.work_dir == str(plan.root / stage.name), stage.name
