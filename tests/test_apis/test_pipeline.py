import io
import json
import sys
from pathlib import Path

import pytest
from rich.console import Console

from qaclims_mm.apis import pipeline as module
from qaclims_mm.apis.pipeline import Pipeline, Stage, metrics_table, read_plan, select
from qaclims_mm.schemas import FormatError, Manifest, read_json, write_json

ROOT = Path(__file__).resolve().parents[2]
PLANS = sorted((ROOT / 'configs/pipelines').glob('*.py'))

# a tool that appends its arguments to a file, and does as its first one says
TOOL = """
import pathlib, sys, json
root, name, act = sys.argv[1:4]
with open(f'{root}/calls', 'a') as file:
    file.write(name + '\\n')
print('working on', name)
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
    monkeypatch.setattr(module, 'TOOLS', folder)
    return folder


def stage(name, root, act='well', **options):
    return Stage(name, 'work.py', args=(str(root), name, act), **options)


@pytest.fixture
def run(tmp_path, tools):
    root, shown = tmp_path / 'work', io.StringIO()
    root.mkdir()

    def go(stages, seed=0):
        (root / 'calls').write_text('')
        status = Pipeline(root, seed, Console(file=shown, width=200)).run(stages)
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


def test_failure_shows_the_end_of_the_log_and_goes_on_later(run):
    broken = [stage('a', run.root), stage('b', run.root, 'fail', needs=('a',))]
    with pytest.raises(SystemExit, match=r'(?s)no space left.*stage b failed; its whole log is'):
        run(broken)
    assert not (run.root / 'done/b/manifest.json').exists()
    with pytest.raises(SystemExit):
        run(broken)
    assert (run.root / 'calls').read_text().split() == ['b']


def test_bad_records_are_told_and_the_chain_goes_on(run):
    stages = [stage('a', run.root, 'bad_records'), stage('b', run.root)]
    assert run(stages) == (3, ['a', 'b'])
    assert 'some records were left out: see' in run.shown()


@pytest.mark.parametrize('what', ['seed', 'config'])
def test_what_another_run_began_is_not_mixed(run, what):
    run([stage('a', run.root, seeded=True)])
    changed = stage('a', run.root, 'well' if what == 'seed' else 'bad_records', seeded=True)
    with pytest.raises(FormatError, match=r'stage a was begun in .* with another config, seed'):
        run([changed], seed=1 if what == 'seed' else 0)


def test_stage_that_is_not_seeded_serves_all_seeds(run):
    run([stage('a', run.root)])
    assert run([stage('a', run.root)], seed=7) == (0, [])


def test_a_changed_input_makes_the_next_stage_anew(run):
    stages = [stage('a', run.root), stage('b', run.root, needs=('a',))]
    run(stages)
    write_json(run.root / 'done/a/manifest.json', dict(
        json.loads((run.root / 'done/a/manifest.json').read_text()), version='0.0.0'
    ))  # fmt: skip
    pipeline = Pipeline(run.root)
    assert not pipeline.is_done(stages[1])


@pytest.mark.parametrize(
    ('tool', 'words'),
    [
        ('train.py', ['--cfg-options', 'randomness.seed=3', '--resume']),
        ('test.py', ['--cfg-options', 'randomness.seed=3']),
    ],
)
def test_command_line(tmp_path, tool, words):
    made = Stage('cam', tool, config='x.py', checkpoint='none', args=('--strict',), seeded=True)
    command = Pipeline(tmp_path, seed=3).command(made)
    start = [sys.executable, str(module.TOOLS / tool), 'x.py', 'none']
    assert command == [*start, '--work-dir', f'{tmp_path}/cam', '--strict', *words]


def test_select():
    stages = [Stage(n, 'x') for n in 'abcd']
    assert [s.name for s in select(stages, 'b', 'c')] == ['b', 'c']
    assert select(stages, None, None) == stages
    with pytest.raises(FormatError, match=r'there is no stage x; the plan has a, b, c, d'):
        select(stages, 'x', None)


def test_bad_plans(tmp_path):
    path = tmp_path / 'plan.py'
    path.write_text("work_dir = 'w'\nstages = [dict(name='a', tool='t', nodes=3)]\n")
    with pytest.raises(FormatError, match=r'stage a: .*nodes'):
        read_plan(path)
    path.write_text("work_dir = 'w'\nstages = [dict(name='a', tool='t', needs=['b'])]\n")
    with pytest.raises(FormatError, match=r"stage a stands twice or needs \['b'\]"):
        read_plan(path)


def test_there_are_plans():
    assert PLANS


@pytest.mark.parametrize('path', PLANS, ids=lambda p: p.stem)
def test_shipped_plans_name_what_exists(path, tmp_path):
    root, stages = read_plan(path, tmp_path)
    assert root == tmp_path
    for entry in stages:
        assert (module.TOOLS / entry.tool).is_file()
        assert entry.config is None or (ROOT / entry.config).is_file()
        assert not [w for w in entry.args if '{work_dir}' in w]
    pipeline = Pipeline(root)
    assert pipeline.expected(stages[0]).config_hash != pipeline.expected(stages[-1].__class__(
        **{**stages[-1].__dict__, 'needs': ()}
    )).config_hash  # fmt: skip


def test_a_moved_chain_keeps_its_hashes():
    [plan] = [p for p in PLANS if p.stem == 'miniworld_qa-clims']
    first, second = (
        {s.name: Pipeline(root)._config(s) for s in read_plan(plan, root)[1]}
        for root in ('work_dirs/a', '/elsewhere/b')
    )
    assert first == second
    assert len({*first.values()}) > 3


def test_weights_trained_again_under_their_name_are_others(tmp_path, monkeypatch):
    (tmp_path / 'clip').mkdir()
    weights = tmp_path / 'clip/model.safetensors'
    config = tmp_path / 'config.py'
    config.write_text("work_dir = 'x'\nmodel = dict(type='A', clip='miniworld://clip')\n")
    monkeypatch.setattr(module, 'resolve', lambda name: str(tmp_path / name.split('//')[1]))
    entry, hashes = Stage('texts', 'encode_texts.py', config=str(config)), []
    for content in (b'first', b'second', b'first'):
        weights.write_bytes(content)
        hashes.append(Pipeline(tmp_path).expected(entry).config_hash)
    assert hashes[0] == hashes[2] != hashes[1]


def test_table_leaves_missing_numbers_empty_and_stages_that_have_not_run_out():
    metrics = {'a': {'m': 51.26}, 'b': {}}
    table = metrics_table(metrics, dict(a='A', b='B', c='C'), dict(m='IoU', n='other'))
    console = Console(width=60)
    with console.capture() as capture:
        console.print(table)
    lines = capture.get().splitlines()
    assert any('A' in line and '51.3' in line for line in lines)
    assert any('B' in line and '51.3' not in line for line in lines)
    assert not any('C' in line for line in lines)
