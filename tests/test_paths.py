from pathlib import Path

import pytest
from tiny_runs import ROOT

from qaclims_mm import paths
from qaclims_mm.errors import ConfigError
from qaclims_mm.paths import (
    config_file,
    config_path,
    mmseg_config,
    resolve,
    shipped_name,
    tools_folder,
)


@pytest.mark.parametrize('path', ['ViT-L-14', '/data/x.safetensors', 'hf-hub:a/b', 'miniworld', ''])
def test_other_names_stay(path):
    assert resolve(path) == path


@pytest.mark.parametrize(
    ('path', 'file'),
    [
        ('miniworld://clip', 'open_clip_config.json'),
        ('miniworld://clip/mask_prompt.safetensors', ''),
        ('miniworld://blip', 'model.safetensors'),
    ],
)
def test_shipped_weights(path, file):
    found = Path(resolve(path), file)
    assert found.is_file()
    assert found.is_absolute()


def test_what_is_not_shipped():
    with pytest.raises(
        FileNotFoundError,
        match=r'^miniworld://flan: .*flan is not there; .*qaclims train-miniworld\.$',
    ):
        resolve('miniworld://flan')


def _text_of_mmseg():
    return Path(mmseg_config('_base_/models/segformer_mit-b0.py')).read_text(encoding='utf-8')


def test_configs_of_mmseg():
    assert 'SegformerHead' in _text_of_mmseg()
    with pytest.raises(FileNotFoundError, match=r'^the mmseg in \S+ has no config a/b\.py\.$'):
        mmseg_config('a/b.py')


def test_configs_of_mmseg_without_mmseg(monkeypatch):
    monkeypatch.setattr('qaclims_mm.paths.find_spec', lambda name: None)
    with pytest.raises(ImportError, match=r'^mmseg, whose config a\.py is a base, is not inst'):
        mmseg_config('a.py')


CAM = 'cam_r50_2xb8-5e_voc12aug-512x512'
FILE = ROOT / f'configs/cam/{CAM}.py'


@pytest.mark.parametrize('name', [CAM, f'{CAM}.py', f'cam/{CAM}', f'configs/cam/{CAM}.py'])
def test_a_config_that_ships_has_short_names(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert config_file(name) == str(FILE)


def test_a_base_is_found_by_its_path_alone():
    base = '_base_/default_runtime.py'
    assert Path(config_file(base)).samefile(ROOT / 'configs' / base)
    with pytest.raises(ConfigError):
        config_file('default_runtime')


def test_a_file_of_ones_own_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(f'{CAM}.py').write_text('', encoding='utf-8')
    assert config_file(f'{CAM}.py') == f'{CAM}.py'
    assert config_file(tmp_path / f'{CAM}.py') == str(tmp_path / f'{CAM}.py')


def test_names_of_shipped_configs_are_of_one_each():
    stems = [p.stem for p in (ROOT / 'configs').rglob('*.py') if '_base_' not in p.parts]
    assert len(stems) == len(set(stems)) > 80


def test_an_unknown_config_gets_the_nearest_name():
    with pytest.raises(
        ConfigError,
        match=rf'^config {CAM[:-1]} does not exist; see configs/ for those that ship; the nearest '
        rf'is {CAM}\. The folder of a project can be given, too\.$',
    ):
        config_file(CAM[:-1])
    with pytest.raises(ConfigError, match=r'for those that ship\. The folder of a project'):
        config_file('absent.py')


def test_in_a_wheel_they_lie_below_mim(tmp_path, monkeypatch):
    for folder in ('configs/cam', 'tools'):
        (tmp_path / 'qaclims_mm/.mim' / folder).mkdir(parents=True)
    own = tmp_path / 'qaclims_mm/.mim/configs/cam/own.py'
    own.write_text('', encoding='utf-8')
    monkeypatch.setattr(paths, 'PACKAGE', tmp_path / 'qaclims_mm')
    assert config_file('own') == config_path('cam/own.py') == str(own)
    assert tools_folder() == tmp_path / 'qaclims_mm/.mim/tools'
    with pytest.raises(ConfigError, match=r'see .*/\.mim/configs/ for .* nearest is own\. '):
        config_file('owns')


def test_names_of_configs_that_ship(tmp_path, monkeypatch):
    """The same in a checkout and in a wheel; other files keep their paths."""
    assert (
        shipped_name(config_file('miniworld_qa-clims')) == 'configs/pipelines/miniworld_qa-clims.py'
    )
    assert shipped_name('mine.py') == 'mine.py'
    (tmp_path / 'qaclims_mm/.mim/configs/suites').mkdir(parents=True)
    monkeypatch.setattr(paths, 'PACKAGE', tmp_path / 'qaclims_mm')
    path = tmp_path / 'qaclims_mm/.mim/configs/suites/fat.py'
    assert shipped_name(path) == 'configs/suites/fat.py'
