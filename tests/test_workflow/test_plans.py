from pathlib import Path

import pytest
from tiny_runs import ROOT

from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.schemas import write_json
from qaclims_mm.schemas.numbers.costs import Cost, write_costs
from qaclims_mm.schemas.numbers.runs import Run, note_run
from qaclims_mm.workflow.plans import Plan, read_configs, read_plan
from qaclims_mm.workflow.stage import Stage
from qaclims_mm.workflow.time_left import UNCORRECTED


def plan_of(text, tmp_path):
    path = tmp_path / 'plan.py'
    path.write_text(f"work_dir = 'w'\n{text}\n")
    return read_plan(path)


def test_select():
    needs = dict(a='', b='a', c='a', d='bc')
    stages = tuple(Stage(n, 'x', needs=tuple(above)) for n, above in needs.items())
    plan = Plan(Path('plan.py'), Path('work'), stages)
    names = [[s.name for s in plan.select(*ends)] for ends in (('b',), (None, 'b'), ('b', 'd'))]
    assert names == [['b', 'd'], ['a', 'b'], ['b', 'd']]
    assert plan.select() == list(plan.stages)
    with pytest.raises(ConfigError, match=r'there is no stage x; the plan has a, b, c, d'):
        plan.select('x')
    with pytest.raises(ConfigError, match='stage b is not made from c: nothing would run'):
        plan.select('c', 'b')
    with pytest.raises(ConfigError, match='has no stages'):
        Plan(Path('plan.py'), Path('work'), ()).select()


def test_stages_stand_behind_those_that_they_need(tmp_path):
    listed = [dict(name='b', needs=['a']), dict(name='c'), dict(name='a', needs=['c'])]
    plan = plan_of(f'stages = {[dict(s, command="x") for s in listed]!r}', tmp_path)
    assert [s.name for s in plan.stages] == ['c', 'a', 'b']


@pytest.mark.parametrize(
    ('stages', 'message'),
    [
        ([dict(name='a', nodes=3)], 'stage a has nodes, which is none of its fields'),
        ([dict(name='a', commands='x')], 'the nearest is command'),
        ([dict(name='a', needs=['b'])], 'stage a needs b, but there is no such stage; there are a'),
        ([dict(name='a'), dict(name='a')], 'stage a stands twice'),
        (
            [dict(name=n, needs=[m]) for n, m in ('ab', 'bc', 'ca')],
            'stages need each other: a, b, c',
        ),
        ([dict(name='a', needs=['a'])], 'stages need each other: a;'),
        ([dict(name='../a')], "stage '../a' names a folder, so it may have letters"),
        ([dict(name='logs')], "stage 'logs' names a folder"),
        ([dict(name=3)], 'stage 3 names a folder'),
        ('all', 'must be lists of dicts'),
        ([3], 'must be lists of dicts'),
    ],
)
def test_bad_plans(tmp_path, stages, message):
    if isinstance(stages, list):
        stages = [dict(s, command='x') if isinstance(s, dict) else s for s in stages]
    with pytest.raises(ConfigError, match=rf'plan\.py: .*{message}'):
        plan_of(f'stages = {stages!r}', tmp_path)


def test_what_is_no_plan(tmp_path):
    with pytest.raises(ConfigError, match=r'there is no plan .*plan.py; see configs/'):
        read_plan(tmp_path / 'plan.py')
    with pytest.raises(ConfigError, match='is no plan, since it has no stages'):
        plan_of('x = 1', tmp_path)


def test_the_work_dir_stands_in_words_alone(tmp_path):
    """Braces of a name are a name."""
    stage = dict(name='a', command='x', about='{work_dir}', args=['{work_dir}/b', '{x}'])
    stage |= dict(made=['{work_dir}/c'], checkpoint='{work_dir}/d.pth')
    [found] = plan_of(f'stages = [{stage!r}]', tmp_path).stages
    found = found.at(Path('w'))
    assert (found.about, found.args) == ('{work_dir}', ('w/b', '{x}'))
    assert (found.made, found.checkpoint) == (('w/c',), 'w/d.pth')


def test_costs_are_those_of_the_work_dir_then_of_the_file(tmp_path):
    path, costs = tmp_path / 'plan.py', tmp_path / 'plan.costs.json'
    stages = "[dict(name=n, command='t') for n in 'abcd']"
    path.write_text(f"work_dir = 'unused'\nstages = {stages}\ncosts = {str(costs)!r}\n")
    with pytest.raises(FormatError, match=r'plan\.costs\.json is missing'):
        read_plan(path, tmp_path)
    write_costs(costs, 'a laptop', dict(a=Cost(1.5, 12.0), b=Cost(None, 3.0), d=Cost(9, 35.0)))
    note_run(tmp_path, 'a', Run(30, 0.5, 11.0, 0))
    # what went on after a kill says little, and what writes elsewhere has a folder of nothing
    note_run(tmp_path, 'b', Run(1, 0.5, -90.0, 0, resumed=True))
    note_run(tmp_path, 'd', Run(60, 0.5, 0.0, 0))
    plan = read_plan(path, tmp_path)
    assert plan.cost_source == 'a laptop; earlier runs in this work dir'
    found = {s.name: (s.minutes, s.megabytes) for s in plan.stages}
    assert found == dict(a=(0.5, 11.0), b=(None, 3.0), c=(None, None), d=(1.0, 35.0))
    assert plan.correction.number == 2
    # of another version
    write_json(tmp_path / 'logs/runs.json', dict(a=dict(seconds=1)))
    assert [s.minutes for s in read_plan(path, tmp_path).stages] == [1.5, None, None, 9]


def test_stages_that_have_run_correct_the_costs_of_the_others(tmp_path):
    path, costs = tmp_path / 'plan.py', tmp_path / 'plan.costs.json'
    stages = "[dict(name=n, command='t') for n in 'abcd']"
    path.write_text(f"work_dir = 'unused'\nstages = {stages}\ncosts = {str(costs)!r}\n")
    known = dict(a=Cost(2.0, 1.0), b=Cost(4.0, 1.0), c=Cost(10.0, 1.0), d=Cost(None, 1.0))
    write_costs(costs, 'a laptop', known)
    assert read_plan(path, tmp_path).correction == UNCORRECTED
    note_run(tmp_path, 'a', Run(240, 0.5, 11.0, 0))
    note_run(tmp_path, 'b', Run(720, 0.5, 11.0, 0))
    plan = read_plan(path, tmp_path)
    assert plan.correction == (2.0, 16 / 6, 3.0, 2)
    minutes = [stage.minutes for stage in plan.stages]
    assert minutes == [4.0, 12.0, pytest.approx(10 * 16 / 6), None]


@pytest.mark.parametrize(
    'path', sorted((ROOT / 'configs/pipelines').glob('*.py')), ids=lambda p: p.stem
)
def test_shipped_plans_know_what_their_stages_write(path):
    plan = read_plan(path, 'root')
    assert plan.cost_source
    assert [s.name for s in plan.all_stages if s.megabytes is None and s.command != 'report'] == []


def test_a_plan_takes_no_options(monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(ConfigError, match='is a plan, which takes no options'):
        read_configs('configs/pipelines/miniworld_qa-clims.py', {'work_dir': 'x'})


def test_config_of_something_else(tmp_path):
    (tmp_path / 'suite.py').write_text('variants = dict()')
    with pytest.raises(ConfigError, match=r'suite\.py is the config of neither a stage nor'):
        read_configs(tmp_path / 'suite.py')


def test_missing_config():
    with pytest.raises(ConfigError, match=r'config absent\.py does not exist; see configs/'):
        read_configs('absent.py')
