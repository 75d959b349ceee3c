import sys
from pathlib import Path

import pytest

from qaclims_mm.errors import ConfigError
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
