import io
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from tiny_runs import ROOT

from qaclims_mm.console import new_console
from qaclims_mm.errors import ConfigError
from qaclims_mm.schemas import Manifest, read_json
from qaclims_mm.schemas.numbers.costs import Cost, write_costs
from qaclims_mm.version import __version__
from qaclims_mm.workflow import plan as plan_module
from qaclims_mm.workflow.ablation import Ablation, find_suite
from qaclims_mm.workflow.plan import read_plan
from qaclims_mm.workflow.suites import rows_of

# a tool that notes that it ran, with how many threads, and finds 10 + its seed or what it is told
TOOL = """
import json, os, pathlib, sys
folder, act, *rest = sys.argv[1:]
folder = pathlib.Path(folder)
with open(folder.parents[1] / 'calls', 'a') as file:
    file.write(f'{folder.parent.name}/{folder.name} {os.environ.get("OMP_NUM_THREADS")}\\n')
seed = int(rest[-1].split('=')[1]) if rest else 0
if act == f'fail{seed}':
    raise SystemExit('no such luck')
folder.mkdir(parents=True, exist_ok=True)
value = 10 + seed if act in ('well', 'left_out') else float(act) if act[0].isdigit() else 0
(folder / 'metrics.json').write_text(json.dumps({folder.name: {'cam/mIoU': value}}))
raise SystemExit(3 if act == 'left_out' else 0)
"""
PLAN = """
work_dir = 'unused'
def stage(name, act='well', **more):
    return dict(name=name, tool='work.py', args=['{work_dir}/' + name, act], **more)
stages = [
    stage('qape'),
    stage('cam', '5', needs=['qape'], seeded=True),
    dict(stage('cam_maps', '5'), needs=['cam']),
    stage('qa_clims', needs=['qape'], seeded=True),
    stage('qa_clims_maps', needs=['qa_clims'], seeded=True),
]
comparators = [
    stage('bad', '@ACT@', needs=['qape'], seeded=True),
    stage('bad_maps', needs=['bad'], seeded=True),
]
table = dict(rows={}, columns={'cam/mIoU': 'best mIoU', 'seg/mIoU': 'val mIoU'})
"""
SUITE = """
title = 'Three methods'
variants = dict(
    cam=dict(title='CAM', stage='cam', paper=48.3),
    bad=dict(title='another', stage='bad'),
    ours=dict(title='ours'),
)
"""


# a table that is being written when the signal comes
SLOW_WRITING = """
import time
ablation.write = lambda: time.sleep(60)
"""


@pytest.fixture
def ablate(tmp_path, monkeypatch):
    tools = tmp_path / 'tools'
    tools.mkdir()
    (tools / 'work.py').write_text(TOOL)
    monkeypatch.setattr(plan_module, 'TOOLS', tools)
    monkeypatch.delenv('OMP_NUM_THREADS', raising=False)
    (tmp_path / 'suite.py').write_text(SUITE)

    def go(seeds=(0, 1, 2), act='well', jobs=1, **more):
        (tmp_path / 'plan.py').write_text(PLAN.replace('@ACT@', act))
        (tmp_path / 'calls').write_text('')
        shown = io.StringIO()
        ablation = Ablation(
            str(tmp_path / 'plan.py'),
            [str(tmp_path / 'suite.py')],
            seeds,
            tmp_path,
            jobs,
            console=new_console(file=shown, width=200),
            **more,
        )
        go.status = ablation.run()
        go.shown, go.calls = shown.getvalue(), (tmp_path / 'calls').read_text().splitlines()
        return {row.name: row for row in ablation.results()[0].rows}

    go.root = tmp_path
    return go


def test_every_row_of_every_seed_runs_once(ablate):
    rows = ablate()
    assert ablate.status == 0
    names = [call.split()[0] for call in ablate.calls]
    # what no seed concerns is made once, rows end seed by seed
    assert names == [
        'seed0/qape',
        *(f'seed{s}/{n}' for n in ('cam', 'cam_maps') for s in range(3)),
        *(
            f'seed{s}/{n}'
            for n in ('bad', 'bad_maps', 'qa_clims', 'qa_clims_maps')
            for s in range(3)
        ),
    ]
    assert rows['ours'].values == {'cam/mIoU': {'0': 10, '1': 11, '2': 12}}
    assert rows['cam'].values == {'cam/mIoU': {'0': 5, '1': 5, '2': 5}}
    assert ablate().keys() == rows.keys()
    assert ablate.calls == []


def test_results_are_written(ablate):
    ablate()
    folder = ablate.root / 'ablations'
    assert sorted(p.name for p in folder.iterdir()) == ['suite.csv', 'suite.json', 'suite.md']
    found = read_json(folder / 'suite.json')
    assert found['reference'] == 'ours'
    assert found['seeds'] == [0, 1, 2]
    assert '| CAM | 48.3 | 5.0 ± 0.0 |' in (folder / 'suite.md').read_text()


def test_the_rest_goes_on_when_a_run_fails(ablate):
    rows = ablate(act='fail1')
    assert ablate.status == 1
    assert rows['bad'].values == {'cam/mIoU': {'0': 10, '2': 12}}
    assert list(rows['bad'].failed) == ['1']
    assert rows['bad'].failed['1'] == 'stage bad, which it needs, failed'
    assert rows['ours'].values['cam/mIoU'].keys() == {'0', '1', '2'}
    assert 'no such luck' in ablate.shown
    assert f'its whole log is {ablate.root}/seed1/logs/bad.log' in ablate.shown
    assert '2/3, failed: seed 1' in (ablate.root / 'ablations/suite.md').read_text()
    assert 'seed1/bad_maps' not in ' '.join(ablate.calls)


def test_a_failed_run_goes_on_later(ablate):
    ablate(act='fail1')
    # as after a full disk: the same command, which ends well this time
    (ablate.root / 'tools/work.py').write_text(
        TOOL.replace('no such luck', '')[:-1].replace("if act == f'fail{seed}':", 'if False:')
    )
    rows = ablate(act='fail1')
    assert ablate.status == 0
    assert [c.split()[0] for c in ablate.calls] == ['seed1/bad', 'seed1/bad_maps']
    assert not rows['bad'].failed


def test_ranks_that_a_training_is_not_configured_for_are_told_once(ablate, monkeypatch):
    ours = "stage('qa_clims', needs=['qape'], seeded=True"
    monkeypatch.setitem(globals(), 'PLAN', PLAN.replace(ours, f'{ours}, ranks=2'))
    ablate(seeds=[0, 1])
    said = 'qa_clims: its config is for 2 ranks, but 1 run: a step has 1/2 of its images'
    assert ablate.shown.count(said) == 1


def test_records_that_were_left_out_are_told(ablate):
    ablate(act='left_out')
    assert ablate.status == 3
    assert 'records were left out' in ablate.shown


def test_jobs_share_the_cores(ablate, monkeypatch):
    monkeypatch.setattr('os.cpu_count', lambda: 8)
    ablate(jobs=3)
    assert ablate.status == 0
    assert {call.split()[1] for call in ablate.calls} == {'2'}
    monkeypatch.setenv('OMP_NUM_THREADS', '5')
    ablate(seeds=[7], jobs=3)
    assert {call.split()[1] for call in ablate.calls} == {'5'}


def test_jobs_take_gpus_in_turn(ablate, monkeypatch):
    ablation = Ablation.__new__(Ablation)
    ablation.jobs = 3
    monkeypatch.setattr('torch.cuda.device_count', lambda: 2)
    monkeypatch.delenv('CUDA_VISIBLE_DEVICES', raising=False)
    assert [ablation._share(slot)['CUDA_VISIBLE_DEVICES'] for slot in range(3)] == ['0', '1', '0']
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '1')
    assert 'CUDA_VISIBLE_DEVICES' not in ablation._share(0)
    monkeypatch.delenv('CUDA_VISIBLE_DEVICES')
    ablation.jobs = 1
    assert 'CUDA_VISIBLE_DEVICES' not in ablation._share(0)


def test_two_jobs_run_at_once(ablate, monkeypatch):
    """Both of the first two trainings wait until the other one has begun."""
    tool = TOOL.replace(
        'folder.mkdir',
        'import time\n'
        'begun = folder.parents[1] / f"begun-{folder.parent.name}-{folder.name}"\n'
        'begun.touch()\n'
        'while folder.name == "cam" and len(list(folder.parents[1].glob("begun-*-cam"))) < 2:\n'
        '    time.sleep(0.02)\n'
        'folder.mkdir',
        1,
    )
    (ablate.root / 'tools/work.py').write_text(tool)
    timer = threading.Timer(60, lambda: (ablate.root / 'begun-late-cam').touch())
    timer.start()
    ablate(seeds=[0, 1], jobs=2)
    timer.cancel()
    assert not (ablate.root / 'begun-late-cam').exists()
    assert ablate.status == 0


def test_another_seed_takes_over_what_no_seed_concerns(ablate):
    ablate(seeds=[0])
    ablate(seeds=[0, 1])
    assert 'seed1/qape' not in ' '.join(ablate.calls)
    mine, theirs = (ablate.root / f'seed{s}' for s in (1, 0))
    assert Manifest.read(mine / 'done/qape') == Manifest.read(theirs / 'done/qape')
    assert (mine / 'qape/metrics.json').samefile(theirs / 'qape/metrics.json')


def test_a_work_dir_made_from_something_else(ablate):
    ablate(seeds=[0])
    rows = ablate(seeds=[0], act='3')
    assert ablate.status == 1
    assert 'was begun in' in ablate.shown
    assert 'with another config' in ablate.shown
    # neither the old number nor a new one
    assert rows['bad'].values == {'cam/mIoU': {}}


def test_a_work_dir_of_another_version(ablate, monkeypatch):
    defaults = Manifest.__init__.__defaults__
    assert defaults[-1] == __version__
    monkeypatch.setattr(Manifest.__init__, '__defaults__', (*defaults[:-1], '0.0.1'))
    ablate(seeds=[0])
    monkeypatch.undo()
    monkeypatch.setattr(plan_module, 'TOOLS', ablate.root / 'tools')
    rows = ablate(seeds=[0])
    assert ablate.status == 1
    assert f'(by version 0.0.1; this is {__version__})' in ablate.shown
    assert rows['ours'].values == {'cam/mIoU': {}}


def test_seeds_are_counted_once(ablate):
    rows = ablate(seeds=[1, 1])
    assert rows['ours'].values == {'cam/mIoU': {'1': 11}}


def test_a_suite_that_the_pipeline_cannot_run(ablate):
    (ablate.root / 'suite.py').write_text(SUITE.replace("stage='bad'", "stage='worse'"))
    with pytest.raises(ConfigError, match='has no stage worse_maps'):
        ablate()


def test_stages_of_comparators_are_no_part_of_the_pipeline(ablate):
    ablate(seeds=[0])
    plan = read_plan(ablate.root / 'plan.py')
    assert 'bad' not in [s.name for s in plan.select()]
    [_, bad, _] = rows_of(plan, ablate.root / 'suite.py')
    assert bad.stages == plan.comparators


def test_names_of_suites():
    assert find_suite('fat') == Path('configs/suites/fat.py')
    assert find_suite('configs/suites/fat.py') == Path('configs/suites/fat.py')
    with pytest.raises(ConfigError, match=r'suites/table4_loses.py; did you mean table4_losses\?'):
        find_suite('table4_loses')
    with pytest.raises(
        ConfigError, match=r'no suite mine/x.py; configs/suites has clims_rates, .*vlm\.'
    ):
        find_suite('mine/x.py')


def test_suites_from_another_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_suite('fat') == ROOT / 'configs/suites/fat.py'


def test_two_suites_of_one_name(ablate):
    (ablate.root / 'mine').mkdir()
    paths = [ablate.root / 'suite.py', ablate.root / 'mine/suite.py']
    paths[1].write_text(SUITE)
    (ablate.root / 'plan.py').write_text(PLAN)
    with pytest.raises(ConfigError, match=r'suite.py and .*mine/suite.py have one name'):
        Ablation(str(ablate.root / 'plan.py'), paths, [0], ablate.root)
    # one that is given twice is one
    twice = Ablation(str(ablate.root / 'plan.py'), [paths[0]] * 2, [0], ablate.root)
    assert len(twice.results()) == 1


def test_what_it_would_cost(ablate):
    costs = ablate.root / 'costs.json'
    (ablate.root / 'plan.py').write_text(PLAN)
    names = [stage.name for stage in read_plan(ablate.root / 'plan.py').all_stages]
    write_costs(costs, 'a laptop', dict.fromkeys(names, Cost(6.0, 20.0)))
    (ablate.root / 'plan.py').write_text(f'{PLAN}costs = {str(costs)!r}\n')
    suite = str(ablate.root / 'suite.py')
    ablation = Ablation(str(ablate.root / 'plan.py'), [suite], [0, 1], ablate.root)
    table = ablation.overview()
    # seven stages a seed; qape, which no seed concerns, once
    assert table.row_count == 14
    assert table.caption.startswith('left: 78 minutes and 0 stages of unknown time, 260 MB')


@pytest.mark.parametrize('busy', ['', SLOW_WRITING], ids=['waits', 'writes'])
def test_nothing_goes_on_when_it_is_ended(ablate, tmp_path, busy):
    """As a cluster ends a job: SIGTERM to this process alone."""
    (ablate.root / 'tools/work.py').write_text(
        'import os, pathlib, time\n'
        f'pathlib.Path({str(tmp_path)!r}, f"pid{{os.getpid()}}").touch()\n'
        'time.sleep(600)\n'
    )
    (ablate.root / 'plan.py').write_text(PLAN)
    program = (
        'import pathlib\n'
        'from qaclims_mm.workflow import plan\n'
        'from qaclims_mm.workflow.ablation import Ablation\n'
        'from qaclims_mm.workflow.processes import exit_when_terminated\n'
        f'root = pathlib.Path({str(ablate.root)!r})\n'
        'plan.TOOLS = root / "tools"\n'
        'ablation = Ablation(str(root / "plan.py"), [root / "suite.py"], [0, 1], root, jobs=2)\n'
        f'{busy}\n'
        'with exit_when_terminated():\n'
        '    ablation.run()\n'
    )
    process = subprocess.Popen([sys.executable, '-c', program], cwd=ROOT)
    while not list(tmp_path.glob('pid*')):
        assert process.poll() is None
        time.sleep(0.05)
    process.terminate()
    assert process.wait(60) == 143
    for path in tmp_path.glob('pid*'):
        assert not psutil.pid_exists(int(path.name[3:]))
    # what was ended is not done
    assert not list(tmp_path.glob('seed*/done/*/manifest.json'))
