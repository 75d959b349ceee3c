import contextlib
import fcntl
import io
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from qaclims_mm.console import new_console
from qaclims_mm.engine.config import read_config
from qaclims_mm.errors import StageError
from qaclims_mm.schemas import Manifest, read_json, write_json
from qaclims_mm.workflow import plan as plan_module
from qaclims_mm.workflow.pipeline import Pipeline
from qaclims_mm.workflow.plan import Plan, Stage, read_plan

ROOT = Path(__file__).resolve().parents[2]
PLANS = sorted((ROOT / 'configs/pipelines').glob('*.py'))

# a tool that appends its arguments to a file, and does as its first one says
TOOL = """
import pathlib, sys, json
root, name, act = sys.argv[1:4]
with open(f'{root}/calls', 'a') as file:
    file.write(name + '\\n')
print('working on', name)
print('\\x1b[33mWARNING\\x1b[0m - class [/b]')
if act == 'fail':
    raise SystemExit('no space left')
folder = pathlib.Path(root, name)
folder.mkdir(exist_ok=True)
(folder / 'metrics.json').write_text(json.dumps({name: {'cam/mIoU': 50.0}}))
raise SystemExit(3 if act == 'bad_records' else 0)
"""


@pytest.fixture
def tools(tmp_path, monkeypatch):
    folder = tmp_path / 'tools'
    folder.mkdir()
    (folder / 'work.py').write_text(TOOL)
    monkeypatch.setattr(plan_module, 'TOOLS', folder)
    return folder


def plan_of(root, *stages):
    return Plan(Path('plan.py'), Path(root), stages)


def stage(name, root, act='well', **options):
    return Stage(name, 'work.py', args=(str(root), name, act), **options)


@pytest.fixture
def run(tmp_path, tools):
    root, shown = tmp_path / 'work', io.StringIO()
    root.mkdir()

    def go(stages, seed=0):
        (root / 'calls').write_text('')
        console = new_console(file=shown, width=200)
        status = Pipeline(plan_of(root, *stages), seed, console=console).run(stages)
        return status, (root / 'calls').read_text().split()

    go.root = root
    go.shown = shown.getvalue
    return go


def test_stages_run_once_and_in_order(run):
    stages = [stage('a', run.root), stage('b', run.root, needs=('a',))]
    assert run(stages) == (0, ['a', 'b'])
    assert run(stages) == (0, [])
    assert 'done before' in run.shown()
    assert read_json(run.root / 'metrics.json') == {n: {'cam/mIoU': 50.0} for n in 'ab'}
    assert Manifest.read(run.root / 'done/b').inputs.keys() == {'a'}
    assert 'working on b' in (run.root / 'logs/b.log').read_text()
    runs = read_json(run.root / 'logs/runs.json')
    assert list(runs) == ['a', 'b']
    assert all(0 <= c['gigabytes'] < 1 and 0 <= c['seconds'] < 60 for c in runs.values())


def test_failure_shows_the_end_of_the_log_and_goes_on_later(run):
    broken = [stage('a', run.root), stage('b', run.root, 'fail', needs=('a',))]
    with pytest.raises(StageError, match=r'^stage b failed; its whole log is') as caught:
        run(broken)
    assert caught.value.reason == 'ended with 1: no space left'
    # without the colours of levels
    assert '\nWARNING - class [/b]\n' in caught.value.log_end
    assert caught.value.log_end.endswith('no space left')
    assert not (run.root / 'done/b/manifest.json').exists()
    with pytest.raises(StageError):
        run(broken)
    assert (run.root / 'calls').read_text().split() == ['b']


def test_bad_records_are_told_and_the_chain_goes_on(run):
    stages = [stage('a', run.root, 'bad_records'), stage('b', run.root)]
    assert run(stages) == (3, ['a', 'b'])
    assert 'left out: some records; see' in run.shown()
    assert f'--work-dir {run.root}-again' in run.shown()
    # nothing is forgotten when the chain goes on later
    assert run(stages) == (3, [])


def test_what_a_killed_run_was_about_to_rename_is_removed(run):
    left = run.root / 'a/corpus/.manifest.json.1234.tmp'
    left.parent.mkdir(parents=True)
    left.write_text('half of i')
    other = run.root / 'a/picture.tmp'
    other.write_text('of the user')
    run([stage('a', run.root)])
    assert not left.exists()
    assert other.exists()


def test_a_stage_that_still_runs_is_not_started_again(run):
    (run.root / 'done/a').mkdir(parents=True)
    with (run.root / 'done/a/lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write('1234')
        lock.flush()
        with pytest.raises(StageError, match=r'a is still running in .* or end it .process 1234'):
            run([stage('a', run.root)])
    assert run([stage('a', run.root)]) == (0, ['a'])


def test_a_tool_holds_its_stage_when_the_pipeline_is_killed(run, tmp_path):
    tool, started = tmp_path / 'tools/work.py', tmp_path / 'started'
    tool.write_text('import sys, pathlib; pathlib.Path(sys.argv[1]).touch(); sys.stdin.read()')
    waits = Stage('a', 'work.py', args=(str(started),))
    program = (
        'import pathlib\n'
        'from qaclims_mm.workflow import plan, pipeline\n'
        f'plan.TOOLS = pathlib.Path({str(tool.parent)!r})\n'
        f'stage = plan.Stage("a", "work.py", args=({str(started)!r},))\n'
        f'made = plan.Plan(pathlib.Path("plan.py"), pathlib.Path({str(run.root)!r}), (stage,))\n'
        'pipeline.Pipeline(made).run(made.stages)\n'
    )
    process = subprocess.Popen([sys.executable, '-c', program], stdin=subprocess.PIPE)
    while not started.exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.wait()
    with pytest.raises(StageError, match='stage a is still running in'):
        run([waits])
    # now the tool ends by itself
    process.stdin.close()
    tool.write_text('')
    status, deadline = None, time.monotonic() + 20
    while status is None and time.monotonic() < deadline:
        with contextlib.suppress(StageError):
            status, _ = run([waits])
    assert status == 0


def test_a_config_that_changes_while_it_runs_is_not_what_was_made(run, tmp_path):
    config = tmp_path / 'config.py'
    text = "work_dir = 'x'\nload_from = None\n"
    config.write_text(text)
    change = f'open({str(config)!r}, "a").write("load_from = 1")'
    (tmp_path / 'tools/work.py').write_text(change)
    entry = Stage('a', 'work.py', config=str(config))
    run([entry])
    pipeline = Pipeline(plan_of(run.root, entry))
    assert not pipeline.done.is_done(entry)
    config.write_text(text)
    assert pipeline.done.is_done(entry)


def test_a_training_for_another_number_of_ranks_says_so(run):
    run([stage('a', run.root, ranks=2)])
    assert 'its config is for 2 ranks, but 1 run: a step has 1/2 of its images' in run.shown()


@pytest.mark.parametrize('what', ['seed', 'config'])
def test_what_another_run_began_is_not_mixed(run, what):
    run([stage('a', run.root, seeded=True)])
    changed = stage('a', run.root, 'well' if what == 'seed' else 'bad_records', seeded=True)
    said = r'seed \(0\)' if what == 'seed' else 'config'
    with pytest.raises(StageError, match=rf'stage a was begun in .* with another {said};'):
        run([changed], seed=1 if what == 'seed' else 0)


def test_stage_that_is_not_seeded_serves_all_seeds(run):
    run([stage('a', run.root)])
    assert run([stage('a', run.root)], seed=7) == (0, [])


def test_a_stage_without_its_inputs_names_stage_and_command(run):
    with pytest.raises(
        StageError,
        match=r'stage b needs stage a, which has not finished in .*/work; '
        r'run: qaclims run plan.py --work-dir .*/work --to a$',
    ):
        run([stage('b', run.root, needs=('a',))])


def test_a_disk_too_small_stops_before_the_first_stage(run):
    big = stage('a', run.root, megabytes=1e12)
    with pytest.raises(StageError, match=r'about 1000000000000 MB, but .* free; make room'):
        run([big])
    assert (run.root / 'calls').read_text() == ''


def test_overview_says_what_is_left_and_its_cost(run):
    done = stage('a', run.root, minutes=40, megabytes=50)
    left = [
        stage('b', run.root, needs=('a',), minutes=3.25, megabytes=7, about='the second'),
        stage('c', run.root, needs=('b',)),
    ]
    run([done])
    write_json(run.root / 'done/b/run.json', {})
    plan = Plan(Path('plan.py'), run.root, (done, *left), cost_source='two cores')
    console = new_console(width=120)
    with console.capture() as capture:
        console.print(Pipeline(plan).overview(plan.stages))
    words = [' '.join(re.findall(r'[\w.?]+', line)) for line in capture.get().splitlines()]
    for row in ('a done 40 50', 'b the second begun 3.2 7.0', 'c to do ? ?'):
        assert row in words
    text = ' '.join(words)
    assert 'left 3 minutes and 1 stages of unknown time 7 MB and 1 unknown free on' in text
    assert 'costs two cores' in text
    assert 'another config' not in text
    other = Plan(Path('plan.py'), run.root, (replace(done, args=('other',)),))
    with console.capture() as capture:
        console.print(Pipeline(other).overview(other.stages))
    text = ' '.join(capture.get().split())
    assert 'made with another config, seed or input: a; the run would stop there' in text
    assert (run.root / 'calls').read_text().split() == ['a']


@pytest.mark.parametrize(
    ('tool', 'words'),
    [
        ('train.py', ['--cfg-options', 'randomness.seed=3', '--resume']),
        ('test.py', ['--cfg-options', 'randomness.seed=3']),
    ],
)
def test_command_line(tmp_path, tool, words):
    made = Stage('cam', tool, config='x.py', checkpoint='none', args=('--strict',), seeded=True)
    command = Pipeline(plan_of(tmp_path), seed=3).command(made)
    start = [sys.executable, str(plan_module.TOOLS / tool), 'x.py', 'none']
    assert command == [*start, '--work-dir', f'{tmp_path}/cam', '--strict', *words]


def test_there_are_plans():
    assert PLANS


@pytest.mark.parametrize('path', PLANS, ids=lambda p: p.stem)
def test_shipped_plans_name_what_exists(path, tmp_path):
    plan = read_plan(path, tmp_path)
    assert plan.root == tmp_path
    for entry in plan.stages:
        assert (plan_module.TOOLS / entry.tool).is_file()
        assert entry.config is None or (ROOT / entry.config).is_file()
        assert not [w for w in entry.args if '{work_dir}' in w]
    known = {name for s in plan.stages for name in (s.name, plan.folder(s).name)}
    assert {*plan.table['rows']} <= known
    pipeline = Pipeline(plan)
    hashes = {pipeline.done.expected(replace(s, needs=())).config_hash for s in plan.stages}
    assert len(hashes) == len(plan.stages)


@pytest.mark.parametrize('path', PLANS, ids=lambda p: p.stem)
def test_checkpoints_of_shipped_plans_are_those_that_are_written(path, tmp_path):
    plan, written = read_plan(path, tmp_path), set()
    for entry in plan.stages:
        if entry.tool == 'train.py':
            train = read_config(entry.config).train_cfg
            last = train.get('max_epochs') or train.max_iters
            unit = 'epoch' if 'max_epochs' in train else 'iter'
            written.add(str(plan.folder(entry) / f'{unit}_{last}.pth'))
        elif entry.checkpoint not in (None, 'none'):
            assert entry.checkpoint in written


def test_overview_says_that_the_disk_is_too_small(tmp_path):
    for megabytes, said in ((1.0, False), (1e12, True)):
        plan = plan_of(tmp_path, Stage('a', 'work.py', megabytes=megabytes))
        caption = Pipeline(plan).overview(plan.stages).caption
        assert ('the disk is too small' in caption) == said
