import sys
from pathlib import Path

import pytest
from tiny_runs import ROOT

from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.schemas import write_json
from qaclims_mm.schemas.numbers.costs import Cost, write_costs
from qaclims_mm.schemas.numbers.runs import Run, note_run
from qaclims_mm.workflow.plan import TOOLS, Launch, Plan, Stage, read_plan


def test_command_line_of_ranks():
    tools, train = TOOLS, Stage('cam', 'train.py')
    start = [sys.executable, str(tools / 'dist_run.py'), '--standalone', '--nproc_per_node=4']
    end = ['--launcher', 'pytorch']
    pytorch, slurm = Launch('pytorch', 4), Launch('slurm', 16)
    assert pytorch.command(train, ['x.py']) == [*start, f'{tools}/train.py', 'x.py', *end]
    assert slurm.command(Stage('maps', 'test.py'), ['x.py']) == [
        *('srun', '--ntasks=16', '--kill-on-bad-exit=1', sys.executable, f'{tools}/test.py'),
        *('x.py', '--launcher', 'slurm'),
    ]
    # what does not share its work runs once
    alone = [sys.executable, f'{tools}/encode_texts.py', 'x.py']
    assert pytorch.command(Stage('texts', 'encode_texts.py'), ['x.py']) == alone
    # a training gets as many as its config is for
    two, one = (pytorch.command(Stage('irn', 'train.py', ranks=n), ['x.py']) for n in (2, 1))
    assert '--nproc_per_node=2' in two
    assert one == [sys.executable, f'{tools}/train.py', 'x.py']


def test_bad_launches():
    with pytest.raises(ValueError, match="must be none, pytorch or slurm, but got 'mpi'"):
        Launch('mpi')
    with pytest.raises(ValueError, match='2 ranks need --launcher'):
        Launch(ranks=2)


def test_select():
    plan = Plan(Path('plan.py'), Path('work'), tuple(Stage(n, 'x') for n in 'abcd'))
    assert [s.name for s in plan.select('b', 'c')] == ['b', 'c']
    assert plan.select() == list(plan.stages)
    with pytest.raises(ConfigError, match=r'there is no stage x; the plan has a, b, c, d'):
        plan.select('x')


def test_bad_plans(tmp_path):
    path = tmp_path / 'plan.py'
    with pytest.raises(ConfigError, match=r'there is no pipeline config .*plan.py; see configs/'):
        read_plan(path)
    path.write_text("work_dir = 'w'\nstages = [dict(name='a', tool='t', nodes=3)]\n")
    with pytest.raises(ConfigError, match=r'stage a: .*nodes'):
        read_plan(path)
    path.write_text("work_dir = 'w'\nstages = [dict(name='a', tool='t', needs=['b'])]\n")
    with pytest.raises(ConfigError, match=r"stage a stands twice or needs \['b'\]"):
        read_plan(path)


def test_costs_are_those_of_the_work_dir_then_of_the_file(tmp_path):
    path, costs = tmp_path / 'plan.py', tmp_path / 'plan.costs.json'
    stages = "[dict(name=n, tool='t') for n in 'abcd']"
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
    # of another version
    write_json(tmp_path / 'logs/runs.json', dict(a=dict(seconds=1)))
    assert [s.minutes for s in read_plan(path, tmp_path).stages] == [1.5, None, None, 9]


@pytest.mark.parametrize(
    'path', sorted((ROOT / 'configs/pipelines').glob('*.py')), ids=lambda p: p.stem
)
def test_shipped_plans_know_what_their_stages_write(path):
    plan = read_plan(path, 'root')
    assert plan.cost_source
    assert [s.name for s in plan.all_stages if s.megabytes is None and s.tool != 'report.py'] == []
