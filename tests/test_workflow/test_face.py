import io
import re

import pytest
from tiny_plans import fill, graph_of, world, write_plan

from qaclims_mm import __version__
from qaclims_mm.console import new_console
from qaclims_mm.errors import ConfigError, FormatError, StageError
from qaclims_mm.schemas import write_json
from qaclims_mm.workflow.face import Workflow
from qaclims_mm.workflow.graph import Options


def workflow_of(path, seed=0, **options):
    console = new_console(file=io.StringIO(), width=200)
    return Workflow(graph_of(path, seed=seed), Options(**options), console)


def shown(workflow):
    workflow.console.print(workflow.overview())
    return workflow.console.file.getvalue()


@pytest.fixture
def done(tmp_path, monkeypatch):
    """A plan whose stages are done."""
    path = write_plan(tmp_path)
    fill(graph_of(path), monkeypatch)
    return path


def test_the_plan_says_what_is_left_and_why(tmp_path, done):
    (tmp_path / 'work/b/made/two.bin').unlink()
    (tmp_path / 'work/a/note.txt').write_text('mine')
    said = shown(workflow_of(done))
    for row in ('a .* done', r'b .* damaged: made/two\.bin is missing', 'd .* waits for b'):
        assert re.search(rf'│ {row}', said), row
    assert 'left: 2 stages of unknown time' in said
    assert '1 file is of no stage' in said
    assert str(tmp_path / 'work/a/note.txt') in said


def test_nothing_left_starts_nothing(done, monkeypatch):
    monkeypatch.setattr(Workflow, '_run_snakemake', None)
    assert workflow_of(done).run() == 0


def test_records_that_were_left_out_end_in_3(tmp_path, monkeypatch):
    path = write_plan(tmp_path, [world('a')])
    fill(graph_of(path), monkeypatch, status=3)
    workflow = workflow_of(path)
    assert workflow.run() == 3


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(plan='other'), 'was filled by plan other, not by plan plan; choose another'),
        (dict(seed=3), 'was filled by seed 3, not by seed 0; choose another'),
        (dict(version='0.0.1'), 'was filled by version 0.0.1; this is .*--force all'),
    ],
)
def test_a_work_dir_of_something_else(tmp_path, done, change, message):
    workflow_of(done).run()
    known = dict(plan='plan', seed=0, version=__version__)
    write_json(tmp_path / 'work/logs/plan.json', known | change)
    with pytest.raises(StageError, match=message):
        workflow_of(done).run()


@pytest.mark.parametrize('text', ['[]', '3', '{"plan": 3}', '{'])
def test_a_work_dir_whose_note_is_broken(tmp_path, done, text):
    (tmp_path / 'work/logs/plan.json').write_text(text)
    with pytest.raises(FormatError, match=r'plan\.json'):
        workflow_of(done).run()


def test_a_work_dir_of_an_early_version(tmp_path):
    (tmp_path / 'work/done').mkdir(parents=True)
    with pytest.raises(StageError, match='was filled by an early version of this package'):
        workflow_of(write_plan(tmp_path)).run()


def test_ranks_that_a_training_is_not_for_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(Workflow, '_run_snakemake', lambda self, lock: 0)
    workflow = workflow_of(write_plan(tmp_path, [world('a', command='train', ranks=2)]))
    workflow.run()
    assert 'a: its config is for 2 ranks, but 1 rank runs' in workflow.console.file.getvalue()


@pytest.mark.parametrize(
    ('visible', 'ranks', 'snakemake', 'is_refused'),
    [
        ('0', 2, (), True),
        ('0,1', 3, (), False),
        ('0,1', 2, (), False),
        ('0', 1, (), False),
        # CPUs serve
        ('', 2, (), False),
        # the GPUs are those of other machines
        ('0', 2, ('--executor', 'slurm'), False),
    ],
)
def test_ranks_without_a_gpu_of_their_own(
    tmp_path, monkeypatch, visible, ranks, snakemake, is_refused
):
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', visible)
    monkeypatch.setattr(Workflow, '_run_snakemake', lambda self, lock: 0)
    # a training has the ranks of its config
    path = write_plan(tmp_path, [world('a', command='train', ranks=2)])
    workflow = workflow_of(path, ranks=ranks, snakemake=snakemake)
    if not is_refused:
        assert workflow.run() == 0
        return
    message = 'stage a would run on 2 ranks, each on a GPU of its own, but this machine has 1 GPU;'
    with pytest.raises(StageError, match=message):
        workflow.run()


def test_all_folders_that_qaclims_test_has_filled_are_named_at_once(tmp_path, done):
    for name in 'bd':
        (tmp_path / f'work/{name}/run.json').unlink()
        (tmp_path / f'work/{name}/outputs.json').unlink()
    places = rf'{tmp_path}/work/b\n  {tmp_path}/work/d\n'
    with pytest.raises(
        StageError, match=rf'no run of a plan has made, .* in\n  {places}Move .* b d$'
    ):
        workflow_of(done).check()
    with pytest.raises(StageError, match=rf'in\n  {tmp_path}/work/d\nMove .* --force b d$'):
        workflow_of(done, force=['b']).check()
    workflow_of(done, force=['b', 'd']).check()


def test_a_config_that_a_stage_would_refuse_is_refused_before_the_first(tmp_path, monkeypatch):
    config = tmp_path / 'bad.py'
    config.write_text('test_dataloader = dict(bacth_size=4)\n')
    path = write_plan(tmp_path, [world('a'), world('b', config=str(config))])
    with pytest.raises(ConfigError, match=r'bad\.py: test_dataloader\.bacth_size is no option'):
        workflow_of(path).check()
    # a stage that is done reads nothing
    fill(graph_of(path), monkeypatch)
    workflow_of(path).check()


def test_plans_of_two_projects_have_one_name_but_two_places(tmp_path, monkeypatch):
    for name in ('one', 'two'):
        (tmp_path / name).mkdir()
        (tmp_path / name / 'project.json').write_text('{}')
        write_plan(tmp_path / name)
    monkeypatch.setattr(Workflow, '_run_snakemake', lambda self, lock: 0)
    mine = graph_of(tmp_path / 'one/plan.py')
    Workflow(mine, console=new_console(file=io.StringIO())).run()
    other = graph_of(tmp_path / 'two/plan.py', base=tmp_path / 'one/work')
    with pytest.raises(
        StageError, match=r'was filled by plan \.\./plan\.py, not by plan \.\./\.\./two'
    ):
        Workflow(other).check()
    # moved as a whole
    (tmp_path / 'one').rename(tmp_path / 'three')
    Workflow(graph_of(tmp_path / 'three/plan.py', base=tmp_path / 'three/work')).check()
