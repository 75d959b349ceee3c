"""One line of a plan, ``labels_file``, gives all stages of VOC their labels from a table."""

import io

import pytest
from helpers import TINY_LABELS, make_tiny_voc
from rich.console import Console
from tiny_plans import graph_of
from tiny_runs import ROOT
from tool_runs import run_tool

from qaclims_mm.cli._needs import check_needs
from qaclims_mm.datasets.voc12 import VOC12WeakDataset
from qaclims_mm.errors import ConfigError, StageError
from qaclims_mm.registry import DATASETS
from qaclims_mm.workflow.config_checks import check_configs
from qaclims_mm.workflow.fingerprint import read_stage_config
from qaclims_mm.workflow.plans import read_plan

STAGES = dict(
    weak='cam/cam_r50_2xb8-5e_voc12aug-512x512.py',
    segment='deeplabv2/deeplabv2_r101_qa-clims-irn_1xb5-30k_voc12aug-321x321.py',
    coco='cam/cam_r50_2xb8-5e_coco14-512x512.py',
)


@pytest.fixture
def voc(tmp_path):
    """Images whose labels stand in a table alone."""
    make_tiny_voc(tmp_path / 'voc')
    for path in (tmp_path / 'voc/Annotations').iterdir():
        path.unlink()
    return tmp_path / 'voc'


def plan_of(folder, line, *kinds):
    """Write a plan with trainings of shipped configs, whose images lie in ``folder``."""
    stages = []
    for kind in kinds:
        leaf = folder / f'{kind}.py'
        data = f"dict(data_root={str(folder / 'voc')!r}, ann_file='train.txt')"
        leaf.write_text(
            f'_base_ = {str(ROOT / "configs" / STAGES[kind])!r}\n'
            f'data = {data}\n'
            'train_dataloader = dict(dataset=data)\n'
            'test_dataloader = dict(dataset=data)\n'
        )
        stages.append(dict(name=kind, command='train', config=str(leaf)))
    path = folder / 'plan.py'
    path.write_text(f'work_dir = {str(folder / "work")!r}\nstages = {stages!r}\n{line}\n')
    return path


@pytest.mark.parametrize('kind', ['weak', 'segment'])
@pytest.mark.parametrize('loader', ['train', 'test'])
def test_all_data_sets_of_voc_read_the_table(voc, tmp_path, kind, loader):
    plan = read_plan(plan_of(tmp_path, "labels_file = 'labels.csv'", kind))
    config = read_stage_config(plan.stages[0], plan.root)[f'{loader}_dataloader']['dataset']
    dataset = DATASETS.build(config | dict(test_mode=False))
    assert isinstance(dataset, VOC12WeakDataset)
    assert [r['image_id'] for r in dataset.load_data_list()] == list(TINY_LABELS)


def test_a_run_and_check_dataset_need_no_xml(voc, tmp_path, capsys):
    path = plan_of(tmp_path, "labels_file = 'labels.csv'", 'weak')
    check_needs(graph_of(path), Console())
    assert 'Annotations' not in run_tool('check_dataset', path, capsys=capsys).text
    path = plan_of(tmp_path, '', 'weak')
    assert 'img_1.xml is missing' in run_tool('check_dataset', path, capsys=capsys).text


@pytest.mark.parametrize('name', ['absent.csv', 'train.txt', 'JPEGImages'])
def test_a_table_that_cannot_be_read_is_named(voc, tmp_path, name):
    console = Console(record=True, width=500, file=io.StringIO())
    with pytest.raises(StageError):
        check_needs(graph_of(plan_of(tmp_path, f'labels_file = {name!r}', 'weak')), console)
    assert f'{voc}/{name}' in console.export_text()


def test_a_changed_table_makes_stages_stale(voc, tmp_path):
    path = plan_of(tmp_path, "labels_file = 'labels.csv'", 'weak')
    [before] = graph_of(path).nodes.values()
    rows = (voc / 'labels.csv').read_text()
    (voc / 'labels.csv').write_text(rows.replace('train\n', 'cat\n'))
    [after] = graph_of(path).nodes.values()
    assert after.origin.config == before.origin.config
    assert after.origin.data != before.origin.data
    [without] = graph_of(plan_of(tmp_path, '', 'weak')).nodes.values()
    assert without.origin.config != before.origin.config


def check(path):
    plan = read_plan(path)
    check_configs((stage, plan.root) for stage in plan.stages)


def test_a_plan_that_would_not_read_it(voc, tmp_path):
    line = "labels_file = 'labels.csv'"
    with pytest.raises(ConfigError, match=r"reads its labels_file 'labels\.csv'; only those of"):
        check(plan_of(tmp_path, line, 'coco'))
    check(plan_of(tmp_path, line, 'coco', 'weak'))
    check(plan_of(tmp_path, '', 'coco'))


@pytest.mark.parametrize('value', [3, ['labels.csv'], True])
def test_values_that_are_no_path(voc, tmp_path, value):
    with pytest.raises(ConfigError, match=r'plan\.py: labels_file must be the path of a table'):
        read_plan(plan_of(tmp_path, f'labels_file = {value!r}', 'weak'))
