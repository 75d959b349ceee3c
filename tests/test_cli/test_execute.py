import errno
import os
import subprocess
import sys

import pytest
import torch
from mmengine.registry import Registry
from tiny_runs import ROOT

from qaclims_mm.cli._execute import run_tool
from qaclims_mm.datasets.image_level import RecordError
from qaclims_mm.schemas import FormatError


@pytest.mark.parametrize(('returned', 'code'), [(3, 3), (0, 0), (None, 0)])
def test_run_tool_ends_with_the_status(returned, code):
    with pytest.raises(SystemExit) as ended:
        run_tool(lambda: returned)
    assert ended.value.code == code


@pytest.mark.parametrize('kind', [FormatError, RecordError])
def test_problem_with_a_file_ends_in_its_message(kind):
    def main():
        raise kind('a.npz is broken; make it again.')

    with pytest.raises(SystemExit) as ended:
        run_tool(main)
    assert ended.value.code == 'error: a.npz is broken; make it again.'


@pytest.mark.parametrize('kind', [FormatError, SystemExit])
def test_message_shows_control_characters(kind):
    def main():
        raise kind('class \x1b[31mred\r of caf\udce9.jpg\nis unknown')

    with pytest.raises(SystemExit) as ended:
        run_tool(main)
    message = ended.value.code.removeprefix('error: ')
    assert message == 'class \\x1b[31mred\\r of caf\\udce9.jpg\nis unknown'


ASCII_TOOL = """
from qaclims_mm.console import new_console
from qaclims_mm.cli._execute import run_tool
from qaclims_mm.schemas import FormatError

def main():
    new_console().print('caf\\u00e9 [/b] \\ud800 \\x1b[31m')
    raise FormatError('no class is called caf\\u00e9 \\ud800.')

run_tool(main)
"""


def test_output_that_cannot_write_a_name_gets_its_escapes(tmp_path):
    (tmp_path / 'tool.py').write_text(ASCII_TOOL)
    done = subprocess.run(
        [sys.executable, 'tool.py'],
        cwd=tmp_path,
        env=os.environ | dict(PYTHONIOENCODING='ascii', PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == 'caf\\xe9 [/b] \\ud800 \\x1b[31m\n'
    assert done.stderr == 'error: no class is called caf\\xe9 \\ud800.\n'
    assert done.returncode == 1


@pytest.mark.parametrize('code', [errno.EACCES, errno.EROFS])
def test_a_folder_without_permission_is_named_in_one_line(code):
    def main():
        raise OSError(code, os.strerror(code), 'work_dirs')

    with pytest.raises(SystemExit) as ended:
        run_tool(main)
    assert ended.value.code == (
        'error: there is no permission to use work_dirs; work in a folder that is yours (cd, or '
        '--work-dir where the sub-command has it).'
    )


@pytest.mark.parametrize(
    ('module', 'extra'), [('gradio', 'web'), ('mmengine.config', 'run'), ('pycocotools', 'coco')]
)
def test_a_missing_module_of_an_extra_comes_with_the_command_that_installs_it(module, extra):
    def main():
        raise ModuleNotFoundError(f'No module named {module!r}', name=module)

    with pytest.raises(SystemExit) as ended:
        run_tool(main)
    assert ended.value.code == (
        f"error: No module named {module!r}; run: pip install 'qaclims_mm[{extra}]'"
    )


def test_another_missing_module_is_the_users_own():
    with pytest.raises(SystemExit) as ended:
        run_tool(lambda: __import__('my_own_models'))
    assert ended.value.code == "error: No module named 'my_own_models'"


def test_bug_keeps_its_traceback():
    def main():
        raise KeyError('x')

    with pytest.raises(KeyError):
        run_tool(main)


class Thing:
    def __init__(self, size):
        self.size = size


@pytest.mark.parametrize(
    ('config', 'message'),
    [
        (dict(type='Thin'), "error: there is no thing of type 'Thin'; its name is misspelt, or"),
        (dict(type='Thing', width=1), 'error: the config gives width to Thing, which does not'),
    ],
)
def test_config_that_builds_nothing(config, message):
    things = Registry('thing')
    things.register_module(module=Thing)
    with pytest.raises(SystemExit) as ended:
        run_tool(lambda: things.build(config))
    assert ended.value.code.startswith(message)


def test_a_bug_inside_what_is_built_keeps_its_traceback():
    class Broken:
        def __init__(self):
            Thing(width=1)

    things = Registry('thing')
    things.register_module(module=Broken)
    with pytest.raises(TypeError, match='width'):
        run_tool(lambda: things.build(dict(type='Broken')))


def test_interrupted(capsys):
    def main():
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as ended:
        run_tool(main)
    assert ended.value.code == 130
    assert capsys.readouterr().err == 'interrupted\n'


class BadRecords(torch.utils.data.Dataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        raise FormatError(f'record {index} is bad:\nmend it')


def test_errors_of_workers_come_without_their_traceback():
    def main():
        next(iter(torch.utils.data.DataLoader(BadRecords(), num_workers=1)))

    with pytest.raises(SystemExit) as ended:
        run_tool(main)
    assert ended.value.code == 'error: record 0 is bad:\nmend it'
