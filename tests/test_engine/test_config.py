import os
import subprocess
import sys

import pytest
from tiny_runs import ROOT

from qaclims_mm.engine.config import load_config, read_config
from qaclims_mm.engine.parser import base_parser
from qaclims_mm.errors import ConfigError

CAM = ROOT / 'configs/miniworld/cam_r18-mini_1xb16-3e_miniworld-112x112.py'


def read(path, *flags):
    return load_config(base_parser('').parse_args([str(path), *map(str, flags)]))


def test_config_that_does_not_exist(tmp_path):
    with pytest.raises(
        ConfigError, match=r'^config \S+absent\.py does not exist; see configs/ for those that ship'
    ):
        read(tmp_path / 'absent.py')


def test_work_dir_of_flag_then_config_then_name(tmp_path):
    path = tmp_path / 'my_config.py'
    path.write_text('log_level = 1\n')
    assert read(path).work_dir == 'work_dirs/my_config'
    path.write_text("work_dir = 'there'\n")
    assert read(path).work_dir == 'there'
    assert read(path, '--work-dir', 'flag').work_dir == 'flag'
    assert read(path, '--cfg-options', 'work_dir=opt').work_dir == 'opt'


def test_root_of_argument_then_variable_then_config(monkeypatch):
    monkeypatch.delenv('QACLIMS_ROOT', raising=False)
    assert read_config(CAM).work_dir == 'work_dirs/miniworld/cam'
    assert read_config(CAM, root="it's {here}").work_dir == "it's {here}/cam"
    assert 'QACLIMS_ROOT' not in os.environ
    monkeypatch.setenv('QACLIMS_ROOT', 'set')
    assert read_config(CAM).work_dir == 'set/cam'
    assert read_config(CAM, root='given').work_dir == 'given/cam'
    assert os.environ['QACLIMS_ROOT'] == 'set'


@pytest.mark.parametrize('root', ["'", '"', "'+str(1/0)+'", '\\', '{{$HOME:x}}', '{texts}', 'a, b'])
def test_a_root_is_a_path_and_no_code(root, monkeypatch):
    monkeypatch.setenv('QACLIMS_ROOT', root)
    assert read_config(CAM).work_dir == f'{root}/cam'


def test_a_folder_called_like_a_home_is_no_home(tmp_path, monkeypatch):
    """mmengine expands ~, so that another file ran than the one that was checked."""
    home, here = tmp_path / 'home', tmp_path / 'here'
    (here / '~').mkdir(parents=True)
    home.mkdir()
    monkeypatch.setenv('HOME', str(home))
    monkeypatch.chdir(here)
    (home / 'c.py').write_text("raise SystemExit('ran')\n")
    (here / '~/c.py').write_text('log_level = 1\n')
    assert read_config('~/c.py').log_level == 1
    (here / '~/c.py').unlink()
    with pytest.raises(ConfigError, match='does not exist'):
        read_config('~/c.py')


def test_names_in_braces_stay(tmp_path):
    path = tmp_path / 'c.py'
    path.write_text(
        "model = dict(prompt='a photo of {answer}')\nload_from = '{texts}/{work_dir}'\n"
    )
    cfg = read(path, '--work-dir', 'w')
    assert (cfg.model.prompt, cfg.load_from) == ('a photo of {answer}', '{texts}/{work_dir}')


def test_flags(tmp_path):
    path = tmp_path / 'c.py'
    path.write_text('model = dict(a=1, b=dict(c=[1, 2]))\n')
    cfg = read(path, '--launcher', 'pytorch', '--cfg-options', 'model.b.c=[3]', 'model.a=2')
    assert cfg.launcher == 'pytorch'
    assert cfg.model == dict(a=2, b=dict(c=[3]))
    assert read(path).launcher == 'none'


def test_strict_reaches_every_dataset(tmp_path):
    path = tmp_path / 'c.py'
    path.write_text('train_dataloader = dict(dataset=dict(type=1))\nval_dataloader = None\n')
    assert read(path, '--strict').train_dataloader.dataset.strict is True
    assert 'strict' not in read(path).train_dataloader.dataset


def test_tools_without_a_runner_find_components():
    code = (
        'from qaclims_mm.engine.config import read_config\n'
        'from mmengine.registry import TRANSFORMS\n'
        f'read_config({str(CAM)!r})\n'
        'TRANSFORMS.build(dict(type="LoadRGBImage"))\n'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


SECRET = 'sk-proj-Q7distinctive1234567890abcdef'


@pytest.mark.parametrize(
    ('text', 'flags', 'place'),
    [
        (f"model = dict(vqa=dict(type='ServedVQA', api_key='{SECRET}'))", [], 'model.vqa.api_key'),
        (f"model = dict(vqa=dict(server=dict(note='{SECRET}')))", [], 'model.vqa.server.note'),
        ("model = dict(vqa=dict(key='{{$MY_KEY:}}'))", [], 'model.vqa.key'),
        ('model = dict(vqa=dict())', [f'model.vqa.server.api_key={SECRET}'], 'server.api_key'),
        (
            'model = dict(vqa=dict())',
            [f'model.vqa.server.base_url=http://me:{SECRET}@h/v1'],
            'base_url',
        ),
    ],
)
def test_a_key_in_a_config_is_refused(tmp_path, monkeypatch, text, flags, place):
    """Before anything is logged or written."""
    monkeypatch.setenv('MY_KEY', SECRET)
    path = tmp_path / 'served.py'
    path.write_text(text)
    where = '--cfg-options' if flags else path
    with pytest.raises(ConfigError, match=rf'^{where}: .*{place} looks like a') as caught:
        read(path, *(['--cfg-options', *flags] if flags else []))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ('text', 'option', 'blamed'),
    [
        ('', 'model.api_key=abc', '--cfg-options'),
        ("model = dict(api_key='abc')", 'model.a=1', 'c.py'),
        ('', 'test_dataloader.bacth_size=4', '--cfg-options'),
        ('', 'test_dataloader.dataset.typ=4', '--cfg-options'),
        ('test_dataloader = dict(bacth_size=4)', 'test_dataloader.dataset.indices=4', 'c.py'),
    ],
)
def test_a_bad_value_is_blamed_on_where_it_stands(tmp_path, text, option, blamed):
    path = tmp_path / 'c.py'
    path.write_text(f"_base_ = '{CAM}'\n{text}\n")
    with pytest.raises(ConfigError, match=rf'^(\S+/)?{blamed}: '):
        read(path, '--cfg-options', option)
