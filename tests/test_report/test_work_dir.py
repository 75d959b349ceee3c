import os

import pytest
from tiny_report import IDS, change_dataset, write_config

from qaclims_mm.errors import FormatError
from qaclims_mm.report.blocks import MissingError
from qaclims_mm.report.work_dir import WorkDir, part_of
from qaclims_mm.schemas import Manifest, read_json, write_json, write_run_config
from qaclims_mm.schemas.project import PROJECT


def test_metrics_of_stages_are_newer_than_those_of_the_work_dir(run):
    write_json(run / 'metrics.json', {'cam_maps': {'cam/mIoU': 1.0}, 'old': {'cam/mIoU': 2.0}})
    metrics = WorkDir(run).metrics
    assert metrics['cam_maps']['cam/mIoU'] == 40
    assert metrics['old'] == {'cam/mIoU': 2}


def test_no_metrics(tmp_path):
    (tmp_path / 'cam').mkdir()
    with pytest.raises(FormatError, match=r'has no metrics.json, .* run: qaclims run'):
        WorkDir(tmp_path)


def test_another_schema(run):
    path = run / 'cam/manifest.json'
    write_json(path, read_json(path) | dict(schema=99))
    with pytest.raises(FormatError, match=r'cam/manifest.json has schema 99, but .* reads 1'):
        WorkDir(run)


def test_data_set(work):
    assert [r['image_id'] for r in work.dataset('cam_maps').iterate_records()] == list(IDS)
    assert len(work.dataset('segment_test')) == 2
    assert work.dataset('cam_maps') is work.dataset('cam_maps')


def test_stage_that_was_not_tested(run):
    (run / 'cam_maps/test_config.json').unlink()
    write_run_config(run / 'cam_maps', 'train', 'c.py', dict(test_dataloader=None))
    work = WorkDir(run)
    with pytest.raises(MissingError, match=r'cam_maps/test_config.json, which .* is not there'):
        work.dataset('cam_maps')
    assert work.data_of('cam_maps') == 'the test set'
    of_both = work.data_of('cam_maps', 'segment_test')
    assert of_both.startswith('the images of ImageSets/Segmentation/val.txt')


def test_config_that_cannot_be_read(run):
    (run / 'cam_maps/test_config.json').write_text('[]')
    work = WorkDir(run)
    assert work.config('cam_maps') is None
    with pytest.raises(MissingError, match=r'images of cam_maps are not shown: .* holds a list'):
        work.dataset('cam_maps')


@pytest.mark.parametrize(
    'values', [dict(test_dataloader=[]), dict(test_dataloader=dict(dataset=1)), {}]
)
def test_config_without_a_data_set(run, values):
    write_run_config(run / 'cam_maps', 'test', 'c.py', values)
    work = WorkDir(run)
    assert work.data_of('cam_maps') == 'the test set'
    with pytest.raises(MissingError, match='The data set of cam_maps cannot be read'):
        work.dataset('cam_maps')


def test_images_that_were_moved(run, tmp_path):
    write_config(run / 'cam_maps', tmp_path / 'nowhere')
    with pytest.raises(MissingError, match=r'The data set of cam_maps cannot be read .*nowhere'):
        WorkDir(run).dataset('cam_maps')


def test_number_of_images_in_words(run):
    change_dataset(run / 'cam_maps', indices=3)
    assert WorkDir(run).data_of('cam_maps').startswith('the first 3 images of ImageSets')
    assert len(WorkDir(run).dataset('cam_maps')) == 3


def test_corpus(work, run):
    assert len(work.corpus) == len(IDS)
    (run / 'qape/corpus/manifest.json').unlink()
    assert WorkDir(run).corpus is None


def test_no_runs(run):
    (run / 'logs/runs.json').unlink()
    assert WorkDir(run).runs == {}


@pytest.mark.parametrize(
    'evaluator', [[dict(type='CAMWriter')], dict(type='CAMWriter'), ['CAMMetric', 1, []], 'x']
)
def test_maps_that_nobody_can_judge(run, finished, evaluator):
    """A project of one's own without masks is not sent to run what it has run."""
    world = finished.parents[1] / 'world'
    write_config(run / 'qa_clims_maps', world, test_evaluator=evaluator)
    missing = WorkDir(run).unjudged('There is none')
    assert missing.message.startswith('There are no ground truth masks to compare with.')
    assert missing.message.endswith('add a CAMMetric to the config of qa_clims_maps.')
    assert missing.command == ''
    write_config(run / 'qa_clims_maps', world, test_evaluator=[dict(type='CAMMetric')])
    missing = WorkDir(run).unjudged('There is none')
    assert missing.message == 'There is none; run'
    assert '--to qa_clims_maps' in missing.command


def test_seeds_of_any_type(run):
    Manifest('irn', 'c', extra=dict(seed=[7])).write(run / 'irn')
    assert WorkDir(run).seeds == ['7', '[7]']


@pytest.mark.parametrize(
    ('values', 'found'),
    [({}, {}), (None, {}), (dict(a=1), {}), (dict(a=dict(b=dict(c=1))), dict(c=1)), ([], {})],
)
def test_part(values, found):
    assert part_of(values, 'a', 'b') == found


@pytest.mark.parametrize('name', ['cam_maps/curve.json', 'cam/manifest.json', 'logs/runs.json'])
def test_a_pipe_is_reported_and_not_opened(run, name):
    (run / name).unlink(missing_ok=True)
    os.mkfifo(run / name)
    with pytest.raises(FormatError, match=rf'{name} is not a regular file'):
        _ = WorkDir(run).curves, WorkDir(run).runs


@pytest.mark.parametrize('name', ['metrics.json', 'cam_maps/metrics.json'])
def test_a_pipe_is_passed_by(run, name):
    (run / name).unlink(missing_ok=True)
    os.mkfifo(run / name)
    assert WorkDir(run).metrics


def test_a_project_gives_its_name(run, tmp_path, monkeypatch):
    assert WorkDir(run).name == run.name
    project = tmp_path / 'my photos'
    project.mkdir()
    run.rename(project / 'work')
    # a folder of this name alone is no project's
    assert WorkDir(project / 'work').name == 'work'
    (project / PROJECT).write_text('{}')
    assert WorkDir(project / 'work').name == WorkDir(project).name == 'my photos'
    monkeypatch.chdir(project)
    assert WorkDir('work').name == WorkDir('.').name == 'my photos'


def test_a_project_without_masks_is_told_how_to_add_some(run, tmp_path):
    project = tmp_path / 'mine'
    project.mkdir()
    run.rename(project / 'work')
    (project / PROJECT).write_text('{}')
    write_config(project / 'work/qa_clims_maps', tmp_path, test_evaluator=[dict(type='CAMWriter')])
    missing = WorkDir(project).unjudged('There is none')
    assert 'CAMMetric' not in missing.message
    assert missing.command == f'qaclims init {project} --masks FOLDER'


@pytest.mark.parametrize(
    ('noted', 'name'),
    [
        (dict(plan='miniworld_qa-clims', seed=0, version='1'), 'miniworld_qa-clims'),
        (dict(plan='my_own_plan'), 'PLAN'),
        (dict(plan='../configs/pipeline.py'), 'PLAN'),
        (dict(plan=[1]), 'PLAN'),
        ([], 'PLAN'),
        (None, 'PLAN'),
    ],
)
def test_commands_name_the_plan_that_filled_it(run, noted, name):
    if noted is not None:
        write_json(run / 'logs/plan.json', noted)
    assert WorkDir(run).command() == f'qaclims run {name} --work-dir {run}'
