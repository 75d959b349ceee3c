"""setup.py, requirements, workflows and the scripts that install."""

import os
import re
import runpy
import subprocess
import sys
from importlib.metadata import distribution
from unittest import mock

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from tiny_runs import ROOT

from qaclims_mm.cli._execute import EXTRA_OF

PINS = dict(
    line.split('==')
    for line in (ROOT / 'requirements/constraints.txt').read_text().splitlines()
    if not line.startswith('#')
)
WORKFLOWS = {p.name: p for p in sorted((ROOT / '.github/workflows').glob('*.yml'))}


@pytest.fixture(scope='module')
def metadata():
    setuptools = pytest.importorskip('setuptools')
    with mock.patch.object(setuptools, 'setup') as setup:
        runpy.run_path(str(ROOT / 'setup.py'))
    return setup.call_args.kwargs


def requirements(metadata, *extras):
    extra = [r for name in extras for r in metadata['extras_require'][name]]
    return [Requirement(line) for line in (*metadata['install_requires'], *extra)]


def test_what_is_tested_keeps_the_bounds(metadata):
    for need in requirements(metadata, 'dev'):
        assert need.specifier.contains(PINS[canonicalize_name(need.name)]), need


def test_pins_install_on_the_oldest_python(metadata):
    """Debian 12 has 3.11.2, and a pin that asks for a later one has no distribution there."""
    oldest = metadata['python_requires'].removeprefix('>=') + '.0'
    asked = {
        name: SpecifierSet(found[0])
        for name in PINS
        if (found := distribution(name).metadata.get_all('Requires-Python'))
    }
    assert len(asked) > 100
    assert {n: str(s) for n, s in asked.items() if not s.contains(oldest)} == {}


def test_what_users_install_has_lower_bounds(metadata):
    for need in requirements(metadata, 'all', 'test'):
        assert [s.operator for s in need.specifier] == ['>='], need


def test_quickstart_installs_no_tool_for_developers(metadata):
    names = {need.name for need in requirements(metadata, 'run')}
    assert not names & {
        'gradio',
        'sphinx',
        'playwright',
        'pytest',
        'ruff',
        'tensorboard',
        'pydensecrf2',
    }
    assert {'onedl-mmsegmentation', 'open_clip_torch', 'snakemake'} <= names


def test_extras_that_messages_name_exist(metadata):
    assert set(EXTRA_OF.values()) <= set(metadata['extras_require'])
    named = set()
    for path in (ROOT / 'qaclims_mm').rglob('*.py'):
        named |= set(re.findall(r"pip install 'qaclims_mm\[(\w+)\]'", path.read_text()))
    assert {'mm', 'vlm', 'coco', 'lemma'} <= named <= set(metadata['extras_require'])


def test_pins_have_no_path_and_no_library_of_torch():
    assert len(PINS) > 100
    assert all(re.fullmatch(r'[\d.]+(post\d+|b\d+)?', v) for v in PINS.values())
    assert not [n for n in PINS if n.startswith(('nvidia-', 'cuda-', 'triton', 'qaclims'))]


def test_pins_are_made_of_an_environment():
    pin = runpy.run_path(str(ROOT / 'requirements/pin.py'))
    found = pin['closure']('rich')
    assert {'pygments', 'markdown-it-py', 'mdurl'} <= set(found)
    assert 'rich' not in found


@pytest.mark.parametrize('path', WORKFLOWS.values(), ids=WORKFLOWS)
def test_workflows_are_yaml_of_jobs(path):
    content = yaml.safe_load(path.read_text())
    assert set(content) >= {'name', 'on', 'jobs', 'permissions'}
    for job in content['jobs'].values():
        assert job['runs-on'] == 'ubuntu-latest'
        for step in job['steps']:
            assert ('run' in step) != ('uses' in step)


def test_the_jobs_that_there_are():
    jobs = {j for p in WORKFLOWS.values() for j in yaml.safe_load(p.read_text())['jobs']}
    assert jobs == {'style', 'tests', 'docs', 'build', 'oldest', 'newest'}
    text = WORKFLOWS['ci.yml'].read_text()
    for command in ('python -m build', 'twine check', '--resolution lowest-direct', 'run_tests.sh'):
        assert command in text


# stands for python: makes an environment of itself, and for pip, which says a lot
PYTHON = """#!/usr/bin/env bash
case "$*" in
    *"-m venv"*)
        mkdir -p .venv/bin; cp "$0" .venv/bin/python
        echo 'PATH=$PWD/.venv/bin:$PATH; export VIRTUAL_ENV=$PWD/.venv' >.venv/bin/activate ;;
    *"-m pip"*) echo "$*" >>calls; for i in $(seq 50); do echo "WARNING $i"; done; exit "$FAILS" ;;
    "-I -c"*) [ -e .venv/install.log ] ;;
esac
"""


@pytest.fixture
def clone(tmp_path):
    for name in ('tools/setup_env.sh', 'setup.py', 'requirements/constraints.txt'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / 'python').write_text(PYTHON)
    (tmp_path / 'python').chmod(0o755)
    return tmp_path


def set_up(clone, fails=0, extra='run'):
    env = {k: v for k, v in os.environ.items() if k not in ('VIRTUAL_ENV', 'CONDA_PREFIX')}
    done = subprocess.run(
        ['bash', '-c', f'set -euo pipefail; EXTRA={extra}; source tools/setup_env.sh; echo ready'],
        cwd=clone,
        env=env | dict(PYTHON=str(clone / 'python'), FAILS=str(fails)),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, (done.stdout + done.stderr).splitlines()


def calls(clone):
    path = clone / 'calls'
    return path.read_text().splitlines() if path.exists() else []


def test_an_installation_prints_one_line_and_is_done_once(clone):
    status, lines = set_up(clone)
    assert status == 0
    assert len(lines) == 2
    assert lines[0].startswith('Installing into .venv ')
    assert lines[1] == 'ready'
    assert calls(clone)[-1].endswith('--constraint requirements/constraints.txt --editable .[run]')
    number = len(calls(clone))
    assert set_up(clone) == (0, ['ready'])
    assert len(calls(clone)) == number
    # more is needed for the tests, and it serves quickstart too
    assert len(set_up(clone, extra='dev')[1]) == 2
    assert calls(clone)[-1].endswith('--editable .[dev]')
    (clone / '.venv/qaclims_mm.run').unlink()
    assert set_up(clone) == (0, ['ready'])


def test_changed_requirements_install_again(clone):
    set_up(clone)
    with open(clone / 'requirements/constraints.txt', 'a', encoding='utf-8') as file:
        file.write('new==1\n')
    assert len(set_up(clone)[1]) == 2


def test_a_failed_installation_shows_the_end_of_its_output(clone):
    status, lines = set_up(clone, fails=1)
    assert status == 1
    assert 'WARNING 50' in lines
    assert 'WARNING 20' not in lines
    assert lines[-1].endswith(f'all of its output is in {clone}/.venv/install.log.')
    # and nothing is taken for installed
    assert len(set_up(clone)[1]) == 2


@pytest.mark.parametrize('script', sorted(p.name for p in (ROOT / 'tools').glob('*.sh')))
def test_scripts_are_bash(script):
    subprocess.run(['bash', '-n', str(ROOT / 'tools' / script)], check=True)


def test_python_is_new_enough_for_the_package(metadata):
    assert f'>={sys.version_info.major}.11' == metadata['python_requires']
