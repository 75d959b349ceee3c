"""The package as others get it: built as a wheel, installed, run from an empty folder."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile

import pytest
from tiny_runs import ROOT

pytestmark = pytest.mark.slow
CAM = 'cam_r18-mini_1xb16-3e_miniworld-112x112'
QA_CLIMS = 'qa-clims_r18-mini_clip-mini-mask_1xb16-5e_miniworld-112x112'


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    """Build it in a copy, so that nothing of an earlier build comes in."""
    pytest.importorskip('setuptools')
    folder = tmp_path_factory.mktemp('wheel')
    # what a clone has: no environment, no data, nothing that was built
    parts = [p for p in ROOT.iterdir() if p.name in SOURCES]
    for part in parts:
        if part.is_dir():
            ignored = shutil.ignore_patterns('__pycache__')
            shutil.copytree(part, folder / 'source' / part.name, ignore=ignored)
        else:
            (folder / 'source').mkdir(exist_ok=True)
            shutil.copy2(part, folder / 'source')
    command = (sys.executable, '-m', 'pip', 'wheel', '--quiet', '--no-deps', '--no-build-isolation')
    run(*command, '--wheel-dir', folder, folder / 'source')
    [path] = folder.glob('qaclims_mm-*.whl')
    return path


SOURCES = (
    *('setup.py', 'pyproject.toml', 'MANIFEST.in', 'README.md', 'LICENSE', 'model-index.yml'),
    *('qaclims_mm', 'configs', 'tools', 'tests', 'benchmarks'),
)


@pytest.fixture(scope='module')
def python(wheel, tmp_path_factory):
    """A new environment that has the wheel, and what it needs of this one's packages."""
    folder = tmp_path_factory.mktemp('environment')
    run(sys.executable, '-m', 'venv', '--without-pip', folder)
    python = folder / 'bin/python'
    install = ('install', '--quiet', '--no-deps', '--no-index', wheel)
    run(sys.executable, '-m', 'pip', '--python', python, *install)
    [packages] = folder.glob('lib/*/site-packages')
    # files like this one are not read again, so that the checkout is not found through it
    (packages / 'others.pth').write_text(sysconfig.get_path('purelib') + '\n')
    return python


@pytest.fixture(scope='module')
def empty(python, tmp_path_factory):
    """The folder in which a user works, empty but for a small world that the command drew."""
    folder = tmp_path_factory.mktemp('user')
    sizes = ('--num-train', '16', '--num-val', '2')
    run(python.with_name('qaclims'), 'make-miniworld', '--root', 'w', *sizes, cwd=folder)
    return folder


def run(*words, status=0, cwd=None):
    """Run a command without the checkout; returns what it printed."""
    env = {k: v for k, v in os.environ.items() if k not in ('PYTHONPATH', 'VIRTUAL_ENV')}
    done = subprocess.run(
        list(map(str, words)),
        cwd=cwd,
        env=env | dict(HF_HUB_OFFLINE='1', OMP_NUM_THREADS='1', COLUMNS='200'),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def qaclims(python, empty):
    def call(*words, status=0):
        return run(python.with_name('qaclims'), *words, status=status, cwd=empty)

    return call


def test_what_is_in_the_wheel(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ('configs', 'tools'):
        for path in (ROOT / folder).rglob('*'):
            if path.suffix in ('.py', '.yml'):
                assert f'qaclims_mm/.mim/{path.relative_to(ROOT).as_posix()}' in names
    own = [p for p in (ROOT / 'qaclims_mm').rglob('*') if p.is_file() and p.suffix != '.pyc']
    assert {p.relative_to(ROOT).as_posix() for p in own} <= names
    assert 'qaclims_mm/.mim/model-index.yml' in names
    assert 'qaclims_mm/.mim/tools/dist_train.sh' in names
    assert 'qaclims_mm/.mim/tools/quickstart.sh' not in names
    assert not [n for n in names if '__pycache__' in n]
    assert {n.split('/')[0] for n in names if '.dist-info/' not in n} == {'qaclims_mm'}


def test_the_environment_has_the_wheel_and_not_the_checkout(python, empty):
    shown = run(python, '-c', 'import qaclims_mm, sys; print(qaclims_mm.__file__)', cwd=empty)
    assert shown.startswith(str(python.parents[1]))


def test_help(qaclims):
    assert '\n  train-miniworld ' in qaclims('--help')


def test_train_and_test_by_the_name_of_a_config(qaclims, empty):
    root = [f'{mode}_dataloader.dataset.data_root=w' for mode in ('train', 'test')]
    once = ['train_cfg.max_epochs=1', 'param_scheduler.0.end=1', 'test_dataloader.num_workers=0']
    options = ['--work-dir', 'cam', '--cfg-options', *root, *once]
    qaclims('train', CAM, *options)
    assert 'mIoU' in qaclims('test', CAM, 'cam/epoch_1.pth', *options)
    assert len(list((empty / 'cam/cams').glob('*.npz'))) == 16


def test_init_and_the_plan_of_it(qaclims, empty):
    names = ('image,labels', 'mini_000000.jpg,cat', 'mini_000001.jpg,bus')
    (empty / 'labels.csv').write_text('\n'.join(names) + '\n')
    given = ('--images', 'w/JPEGImages', '--labels', 'labels.csv', '--preset', 'mini')
    assert 'now run: ' in qaclims('init', 'project', *given)
    assert 'irn_masks' in qaclims('run', 'project/pipeline.py', '--dry-run')


def test_the_inferencer_by_the_name_of_a_config(python, empty):
    code = f"""
from qaclims_mm.inference import CAMInferencer
cams = CAMInferencer({QA_CLIMS!r}, 'miniworld://qa_clims/r18-mini.safetensors', device='cpu')
print(cams('w/JPEGImages/mini_000000.jpg', labels=['cat'])['predictions'][0]['cams'].shape)
"""
    assert '(1, 112, 112)' in run(python, '-c', code, cwd=empty)


def test_an_unknown_config_gets_the_nearest_name(qaclims):
    shown = qaclims('train', CAM[:-1], status=1)
    nearest = rf'error: config .*/\.mim/configs/ .* the nearest is {CAM}\. The folder of a project'
    assert re.search(nearest, shown)
    assert shown.count('\n') == 1


@pytest.mark.parametrize(
    ('command', 'module', 'extra'),
    [(('train', CAM), 'mmengine', 'run'), (('demo', '--port', '7999'), 'gradio', 'web')],
)
def test_without_its_extra_a_command_ends_in_one_line(python, empty, command, module, extra):
    code = f'import sys; sys.modules[{module!r}] = None; from qaclims_mm.cli import main; main('
    shown = run(python, '-c', f'{code}{command!r})', status=1, cwd=empty)
    [line] = shown.splitlines()
    assert line.startswith('error: ')
    assert line.endswith(f"; run: pip install 'qaclims_mm[{extra}]'")
