import pytest

from qaclims_mm.engine.config import read_config
from qaclims_mm.engine.config_file import check_config_file, execute_config
from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.workflow.plans import read_plan


@pytest.mark.parametrize(
    ('base', 'leaf', 'message'),
    [
        ('a = 1', 'b = (1', r'leaf\.py:3 is no Python \('),
        ('a = (1', 'b = 1', r'/base\.py:1 is no Python \('),
        (
            'a = 1',
            'b = 1 / 0',
            r'leaf\.py cannot be executed \(ZeroDivisionError: division by',
        ),
        ('a = x', 'b = 1', r"/base\.py cannot be executed \(NameError: name 'x' is not defined"),
        (
            "_base_ = './gone.py'",
            '',
            r'/base\.py: its _base_ \S+/gone\.py does not exist; correct',
        ),
        (
            'a = 1',
            'import gone_module',
            r'leaf\.py cannot be executed \(ModuleNotFoundError: No',
        ),
        ('a = 1', 'open("gone.txt")', r'leaf\.py cannot be executed \(FileNotFoundError: '),
        ('open("gone.txt")', '', r'/base\.py cannot be executed \(FileNotFoundError: '),
        ('\ufeffa = 1', '', r'/base\.py:1 is no Python \(invalid'),
        ('a = 1', 'a = "\0"', r'leaf\.py(:\d+)? (is no Python|cannot be executed) \('),
    ],
)
def test_the_file_that_is_wrong_is_named(tmp_path, base, leaf, message):
    (tmp_path / 'base.py').write_text(base + '\n')
    path = tmp_path / 'leaf.py'
    path.write_text(f"_base_ = './base.py'\n\n{leaf}\n")
    with pytest.raises(ConfigError, match=message) as error:
        execute_config(path, lazy_import=False)
    # mmengine executes a copy
    assert '/tmp/tmp' not in str(error.value)


def test_an_encoding_that_is_not_utf8(tmp_path):
    path = tmp_path / 'leaf.py'
    path.write_bytes('a = 1\nb = "é"\n'.encode('latin-1'))
    for read in (execute_config, read_config):
        with pytest.raises(ConfigError, match=r'leaf\.py:2 is not UTF-8'):
            read(path)


def test_a_config_that_is_gone(tmp_path):
    with pytest.raises(ConfigError, match=r'gone\.py: it does not exist; correct the path'):
        execute_config(tmp_path / 'gone.py')


@pytest.mark.parametrize(
    'stages', ['[3]', '3', '"abc"', 'dict(a=1)', '[dict(name="a", tool="t"), None]']
)
def test_stages_that_are_no_list_of_dicts(tmp_path, stages):
    path = tmp_path / 'plan.py'
    path.write_text(f"work_dir = 'x'\nstages = {stages}\n")
    with pytest.raises(ConfigError, match=r'stages and comparators must be lists of dicts'):
        read_plan(path)


@pytest.mark.parametrize('name', ['labels.csv', 'weights.pth', 'no_suffix', 'a b.txt', 'x.PY'])
def test_files_of_another_kind(tmp_path, name):
    (tmp_path / name).write_text('image,labels\n')
    for read in (check_config_file, execute_config, read_plan):
        with pytest.raises(ConfigError, match=rf'{name}\S* is no config, which is a Python file'):
            read(tmp_path / name)


def test_an_early_project_is_never_executed(tmp_path):
    (tmp_path / 'configs').mkdir()
    (tmp_path / 'labels.csv').write_text('image,labels\n')
    (tmp_path / 'configs/data.py').write_text('data = dict(type="FolderWeakDataset")\n')
    code = f'open({str(tmp_path / "ran")!r}, "w").close()\n'
    for name in ('pipeline.py', 'configs/qape.py'):
        (tmp_path / name).write_text(code)
        with pytest.raises(FormatError, match='a project of an early version'):
            execute_config(tmp_path / name)
    assert not (tmp_path / 'ran').exists()
