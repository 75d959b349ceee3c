"""Tools that only look execute nothing of a work dir that somebody sent."""

import ast
import json
import os
import shutil
import subprocess
import sys

import pytest
from helpers import make_tiny_voc
from tiny_report import IDS, config_of, make_run
from tiny_runs import ROOT, build_tiny_runner, write_tiny_config
from tool_runs import run_tool

from qaclims_mm.report.images import sheet_blocks
from qaclims_mm.report.work_dir import WorkDir
from qaclims_mm.schemas import read_run_config

FOLDERS = ('cam_maps', 'qa_clims_maps', 'segment_test')
COMMAND = 'touch executed'


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp('hostile'))


@pytest.fixture
def run(finished, tmp_path, monkeypatch):
    """Return a work dir in whose folders lies a config that leaves a mark when it is executed."""
    work = shutil.copytree(finished, tmp_path / 'runs/seed0')
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    code = f'import pathlib\npathlib.Path({str(tmp_path / "executed")!r}).touch()\n'
    (tmp_path / 'evil_module.py').write_text(code)
    (tmp_path / 'registry.py').write_text(code)
    for folder in FOLDERS:
        for name in ('config.py', 'test_config.py', '__init__.py', 'conftest.py'):
            (work / folder / name).write_text(f'{code}test_dataloader = dict(dataset=dict())\n')
    yield work
    assert not (tmp_path / 'executed').exists()


def dataset(**changes):
    def change(values):
        values['test_dataloader']['dataset'] |= changes
        return values

    return change


def top(**changes):
    return lambda values: values | changes


def nested(values, levels=60):
    node = values
    for _ in range(levels):
        node['x'] = node = {}
    return values


SHELL = dict(type='os.system', command=COMMAND)
PROCESS = dict(type='subprocess.Popen', args=['touch', 'executed'])
VALUES = {
    'unchanged': lambda values: values,
    'system': lambda values: top(test_dataloader=dict(dataset=SHELL))(values),
    'process': lambda values: top(test_dataloader=dict(dataset=PROCESS))(values),
    'loader': top(test_dataloader=SHELL),
    'step': dataset(pipeline=[SHELL]),
    'further step': dataset(pipeline=[dict(type='LoadRGBImage'), PROCESS]),
    'option of a step': dataset(pipeline=[dict(type='LoadRGBImage', oriented=SHELL)]),
    'list of steps': dataset(pipeline=[[SHELL]]),
    'scope': dataset(_scope_='evil_module'),
    'scope in the type': dataset(type='evil_module.MiniWorldDataset'),
    'module': dataset(type='evil_module.x'),
    'lazy': dataset(lazy_init=SHELL, indices=SHELL),
    'classes': dataset(metainfo=dict(classes=SHELL)),
    'imports': top(custom_imports=dict(imports=['evil_module'], allow_failed_imports=False)),
    'default scope': top(default_scope='evil_module'),
    'base': top(_base_='evil_module.py'),
    'evaluator': top(test_evaluator=[SHELL, 1]),
    'filter': top(text_encoding=dict(bg_filter=SHELL)),
    'bank': top(text_encoding=[SHELL]),
    'names': top(work_dir='{work_dir}', model='{{$HOME:x}}'),
    'nested': nested,
    'outside': dataset(ann_file='/etc/hostname', data_root=None),
    'binary list': dataset(ann_file='JPEGImages/mini_000000.jpg'),
}
TEXTS = {
    'list': '[]',
    'string': '"os.system"',
    'no json': 'import evil_module',
    'no text': b'\xff\xfe\x00',
    'empty': '',
    'deep': '[' * 100_000,
    'deep values': '{"schema": 1, "mode": "test", "file": "", "values": '
    + '{"a":' * 900
    + '1'
    + '}' * 901,
    'schema': '{"schema": 2, "mode": "test", "file": "", "values": {}}',
    'no values': '{"schema": 1, "mode": "test", "file": "", "values": []}',
    'number': '9' * 10_000,
}


def write(run, case):
    """Write a hostile JSON file into every folder; returns one of them."""
    for folder in FOLDERS:
        path = run / folder / 'test_config.json'
        if case in TEXTS:
            text = TEXTS[case]
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
            continue
        values = VALUES[case](read_run_config(path).values)
        values.setdefault('model', SHELL)
        content = dict(schema=1, mode='test', file='c.py', values=values)
        path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize('case', [*VALUES, *TEXTS])
def test_report(run, case, capsys):
    write(run, case)
    done = run_tool('report', run, capsys=capsys)
    assert 'Traceback' not in done.text
    assert done.status == 0, done.text
    page = (run / 'report.html').read_text()
    # what needs no config is there whatever the config is
    assert 'id="the-numbers"' in page
    assert ('Sheet of maps and masks' in page) == (case in GOOD)
    if case not in GOOD:
        assert 'of qa_clims_maps cannot be read' in page or 'of qa_clims_maps are not shown' in page


# of these the data set is as it was
GOOD = {
    'unchanged',
    'further step',
    'imports',
    'default scope',
    'base',
    'evaluator',
    'filter',
    'bank',
    'names',
    'nested',
}


@pytest.mark.parametrize('case', [*VALUES, *TEXTS])
def test_check_files(run, case, capsys):
    write(run, case)
    done = run_tool('check_files', run, capsys=capsys)
    assert 'Traceback' not in done.text
    problems = [line for line in done.text.splitlines() if 'test_config.json' in line]
    assert len(problems) == (len(FOLDERS) if case in TEXTS else 0)


@pytest.mark.parametrize('case', [*VALUES, *TEXTS])
def test_show_config_diff(run, case, capsys, tmp_path):
    path = write(run, case)
    other = tmp_path / 'other/test_config.json'
    other.parent.mkdir()
    content = dict(schema=1, mode='test', file='', values=config_of('world') | dict(model=1))
    other.write_text(json.dumps(content))
    done = run_tool('config_diff', path, other, '--all', capsys=capsys)
    assert 'Traceback' not in done.text
    assert done.status == (2 if case in TEXTS else 1), done.text


def test_browse_corpus(run, capsys):
    write(run, 'system')
    for name in ('config.py', 'test_config.json'):
        shutil.copy(run / 'cam_maps' / name, run / 'qape/corpus' / name)
    done = run_tool('browse_corpus', run / 'qape/corpus', IDS[0], capsys=capsys)
    assert done.status == 0, done.text


def test_as_a_process(run, tmp_path):
    """With the work dir as the current folder, from which Python imports."""
    write(run, 'imports')
    done = subprocess.run(
        [sys.executable, ROOT / 'tools/report.py', '.'],
        cwd=run,
        env=os.environ | dict(PYTHONPATH=os.pathsep.join([str(ROOT), str(tmp_path)])),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert 'Sheet of maps and masks' in (run / 'report.html').read_text()


def test_no_code_of_the_report_executes_a_config():
    """Nothing that reads a config as Python, or builds from a registry, is named there."""
    forbidden = {'Config', 'fromfile', 'read_config', 'load_config', 'exec', 'eval'}
    forbidden |= {'build', 'build_from_cfg', 'DATASETS', 'runpy', 'importlib', 'import_module'}
    files = sorted((ROOT / 'qaclims_mm/report').rglob('*.py'))
    files.append(ROOT / 'qaclims_mm/schemas/run_config.py')
    assert len(files) > 10
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            names = {getattr(node, 'id', ''), getattr(node, 'attr', '')}
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names |= {n for a in node.names for n in a.name.split('.')}
            found = names & forbidden
            assert not found, f'{path}:{node.lineno} names {found}'


def test_images_of_a_real_run(tmp_path):
    """What a run writes of its config is enough to show its images."""
    make_tiny_voc(tmp_path / 'voc')
    config, work = write_tiny_config(tmp_path / 'tiny.py', tmp_path / 'voc'), tmp_path / 'runs'
    build_tiny_runner(config, work / 'qa_clims_maps', 'test').test()
    [picture] = sheet_blocks(WorkDir(work))
    assert picture.caption.startswith('Maps of QA-CLIMS for one class of an image')
    assert 'images at equal distances from the images of train.txt in ' in picture.caption
