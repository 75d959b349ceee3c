import errno
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from mmengine.registry import Registry
from tiny_runs import ROOT

from qaclims_mm.cli._execute import run_tool
from qaclims_mm.errors import (
    ConfigError,
    DataError,
    FormatError,
    RecordError,
    ShortMemoryError,
    StageError,
    TrainingError,
)
from qaclims_mm.schemas import write_json


@pytest.mark.parametrize(('returned', 'code'), [(3, 3), (0, 0), (None, 0)])
def test_run_tool_ends_with_the_status(returned, code):
    with pytest.raises(SystemExit) as ended:
        run_tool(lambda: returned)
    assert ended.value.code == code


@pytest.mark.parametrize(
    'kind', [FormatError, ConfigError, DataError, RecordError, TrainingError, StageError]
)
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
from qaclims_mm.errors import FormatError

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


@pytest.mark.parametrize(
    ('command', 'words', 'said'),
    [
        ('run', [], '; the same command goes on from what is done'),
        ('ir_label', [], '; the same command goes on from what is done'),
        ('train', [], '; the same command with --resume goes on'),
        ('train', ['--resume'], '; the same command goes on from what is done'),
        ('verify_results', [], '; the same command goes on from what is done'),
        ('publish', [], ''),
    ],
)
def test_who_interrupts_is_told_how_to_go_on(capsys, monkeypatch, command, words, said):
    def main():
        raise KeyboardInterrupt

    main.__module__ = f'qaclims_mm.cli.{command}'
    monkeypatch.setattr('sys.argv', ['qaclims', *words])
    assert end_of(main) == 130
    assert capsys.readouterr().err == f'interrupted{said}\n'


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


def test_a_failed_stage_ends_with_the_end_of_its_log():
    def main():
        raise StageError('stage a failed; its whole log is a.log.', 'line 1\nline \x1b[2', 'short')

    with pytest.raises(SystemExit) as ended:
        run_tool(main)
    log, _, last = ended.value.code.rpartition('\n\n')
    assert log == 'line 1\nline \\x1b[2'
    assert last == 'error: stage a failed; its whole log is a.log.'


def end_of(main):
    with pytest.raises(SystemExit) as ended:
        run_tool(main)
    return ended.value.code


@pytest.mark.parametrize(
    ('number', 'words'),
    [
        (errno.ENOSPC, 'No space left on device; make room or choose another folder'),
        (errno.EDQUOT, 'quota exceeded; make room or'),
        (errno.EACCES, 'Permission denied; choose a folder that you may read and write'),
        (errno.EROFS, 'Read-only file system; choose a folder'),
        (errno.ENOTDIR, 'Not a directory; a file is where a folder must be'),
        (errno.EEXIST, 'File exists; a file is where a folder must be'),
        (errno.EISDIR, 'Is a directory; a folder is where a file must be'),
        (errno.ENOENT, 'No such file or directory; give a path that exists'),
        (errno.ENAMETOOLONG, 'File name too long; give a shorter path'),
        (errno.EIO, 'Input/output error; check the path'),
    ],
)
@pytest.mark.parametrize('name', ['a/b.npz', b'a/b.npz'])
def test_an_error_of_the_system_is_one_line(number, words, name):
    def main():
        raise OSError(number, os.strerror(number), name)

    end = end_of(main)
    assert end.startswith('error: a/b.npz: ')
    assert words in end
    assert '\n' not in end


def test_a_full_disk_is_told_where_nobody_knows_the_file():
    def main():
        raise OSError(errno.ENOSPC, 'No space left on device')

    assert end_of(main).startswith('error: No space left on device; make room')


def test_both_names_of_a_rename_are_told(tmp_path):
    assert re.match(
        r'error: \S+/a -> \S+/b: No such file',
        end_of(lambda: os.rename(tmp_path / 'a', tmp_path / 'b')),
    )


def test_a_file_as_a_folder(tmp_path):
    (tmp_path / 'work').write_text('')
    for make in (
        lambda: (tmp_path / 'work').mkdir(parents=True, exist_ok=True),
        lambda: write_json(tmp_path / 'work/cam/metrics.json', {}),
        lambda: write_json(tmp_path / 'work/metrics.json', {}),
    ):
        assert re.match(
            r'error: \S+work.*a file is where a folder must be; give another path\.$', end_of(make)
        )


@pytest.mark.skipif(os.geteuid() == 0, reason='root may write anywhere')
def test_a_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    end = end_of(lambda: write_json(tmp_path / 'a.json', {}))
    assert end.startswith(f'error: {tmp_path}/a.json: Permission denied; choose')


@pytest.mark.parametrize('error', [OSError('odd'), BrokenPipeError(errno.EPIPE, 'Broken pipe')])
def test_errors_without_a_file_keep_their_traceback(error):
    def main():
        raise error

    with pytest.raises(OSError, match=str(error)[-4:]):
        run_tool(main)


@pytest.mark.parametrize(
    'error', [ValueError('x'), RuntimeError('x'), OSError('x'), ZeroDivisionError('x')]
)
def test_other_errors_are_bugs(error):
    def main():
        raise error

    with pytest.raises(type(error)):
        run_tool(main)


def killed_worker():
    raise RuntimeError('DataLoader worker (pid 7) is killed by signal: Killed. ')


def taken(gigabytes):
    raise RuntimeError(
        f"[enforce fail at alloc_cpu.cpp:118] . DefaultCPUAllocator: can't allocate memory: you "
        f'tried to allocate {gigabytes}000000000 bytes. Error code 12 (Cannot allocate memory)'
    )


def refused_process():
    raise OSError(12, 'Cannot allocate memory')


def test_a_message_of_our_own_is_kept():
    def main():
        raise ShortMemoryError('the dense CRF takes 9 GB, but out of memory; 3 x 4 px would fit')

    assert end_of(main) == (
        'error: the dense CRF takes 9 GB, but out of memory; 3 x 4 px would fit'
    )


@pytest.mark.parametrize(
    ('main', 'asked'),
    [
        # more than addresses of 47 bits reach
        (lambda: torch.empty(2**50), r' \(\d+ bytes more were asked for\)'),
        (lambda: np.empty(2**50), r' \(8.00 PiB more were asked for\)'),
        (lambda: taken(38), r' \(38000000000 bytes more were asked for\)'),
        (lambda: [0] * 2**50, ''),
        (killed_worker, ''),
        (refused_process, ''),
    ],
)
def test_exhausted_memory_ends_in_what_to_do(main, asked):
    end = end_of(main)
    assert re.fullmatch(rf'error: the memory is exhausted{asked}; read images smaller .*', end)
    assert 'docs/scaling.md' in end


class NoSpace(torch.utils.data.Dataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        raise PermissionError(errno.EACCES, 'Permission denied', '/x/a.npz')


def test_an_error_of_the_system_in_a_worker():
    end = end_of(lambda: next(iter(torch.utils.data.DataLoader(NoSpace(), num_workers=1))))
    assert end == "error: [Errno 13] Permission denied: '/x/a.npz'"


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from qaclims_mm.cli._execute import run_tool
from qaclims_mm.schemas import write_json

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
run_tool(lambda: write_json(Path(sys.argv[1]), ['x' * 10_000]))
"""


def test_a_file_that_grows_too_large_names_itself_and_leaves_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, '-c', FULL_DISK, str(tmp_path / 'metrics.json')],
        env=os.environ | dict(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        f'error: {tmp_path}/metrics.json: File too large; make room or choose another folder, '
        'and run it again.\n'
    )
    assert not list(tmp_path.iterdir())


def test_a_library_that_the_memory_does_not_hold():
    def main():
        raise ImportError('libtorch_cpu.so: failed to map segment from shared object')

    assert end_of(main) == (
        'error: there is no memory to load the libraries (libtorch_cpu.so: failed to map segment '
        'from shared object); raise the limit of this shell (ulimit -v unlimited) or of the job.'
    )


@pytest.mark.parametrize(
    'text',
    [
        'DataLoader timed out after 600 seconds',
        'unable to write to file </torch_7_1>: No space left on device (28)',
        'unable to allocate shared memory(shm) for file </torch_7_1>: Success (0)',
        'DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that dataloader'
        "'s workers are out of shared memory. Please try to raise your shared memory limit.",
    ],
)
def test_workers_without_shared_memory(text):
    def main():
        raise RuntimeError(text)

    end = end_of(main)
    assert end.startswith('error: the workers of a loader cannot hand over their batches')
    assert 'num_workers=0' in end
