import itertools
import os
import runpy
import subprocess
import sys

import pytest
import torch
from mmengine.registry import Registry
from tiny_runs import ROOT, build_tiny_runner, log_of, read_tiny_config

from qaclims_mm.datasets.image_level import RecordError
from qaclims_mm.engine import launch
from qaclims_mm.engine.launch import (
    base_parser,
    build_runner,
    exit_status,
    load_config,
    mixed_precision_wrapper,
    run_tool,
)
from qaclims_mm.schemas import FormatError, read_run_config

CAM = ROOT / 'configs/miniworld/cam_r18-mini_1xb16-3e_miniworld-112x112.py'


def read(path, *flags):
    return load_config(base_parser('').parse_args([str(path), *map(str, flags)]))


def test_config_that_does_not_exist(tmp_path):
    with pytest.raises(
        FormatError, match=r'^config \S+absent\.py does not exist; see configs/ for those that ship'
    ):
        read(tmp_path / 'absent.py')


def test_unknown_launcher(capsys):
    with pytest.raises(SystemExit):
        base_parser('').parse_args(['c.py', '--launcher', 'mpirun'])
    assert "invalid choice: 'mpirun'" in capsys.readouterr().err


def test_work_dir_of_flag_then_config_then_name(tmp_path):
    path = tmp_path / 'my_config.py'
    path.write_text("out = '{work_dir}/x'\nother = '{work_dir}/../b/y'\n")
    cfg = read(path)
    assert (cfg.work_dir, cfg.out) == ('work_dirs/my_config', 'work_dirs/my_config/x')
    assert cfg.other == 'work_dirs/b/y'
    path.write_text("work_dir = 'there'\nparts = [dict(out='{work_dir}/x'), 1, ('a', 2)]\n")
    cfg = read(path)
    assert (cfg.work_dir, cfg.parts[0].out) == ('there', 'there/x')
    assert read(path, '--work-dir', 'flag').parts[0].out == 'flag/x'
    assert read(path, '--cfg-options', 'work_dir=opt').parts[0].out == 'opt/x'


def test_a_leaf_does_not_write_into_the_folder_of_its_base(tmp_path):
    (tmp_path / 'base.py').write_text("work_dir = 'root/base'\nother = '{work_dir}/../b'\n")
    leaf = tmp_path / 'leaf.py'
    leaf.write_text("_base_ = './base.py'\nmodel = dict(a=1)\n")
    cfg = read(leaf)
    assert (cfg.work_dir, cfg.other) == ('root/leaf', 'root/b')
    leaf.write_text("_base_ = './base.py'\nwork_dir = 'root/mine'\n")
    assert read(leaf).work_dir == 'root/mine'


def test_names_in_strings(tmp_path):
    path = tmp_path / 'c.py'
    path.write_text(
        "corpus = '{work_dir}/../qape/corpus'\nparts = ['{texts}', dict(a='{corpus}/b')]\n"
        "texts = '{corpus}/texts'\nprompt = 'a photo of {answer}'\nnumber = 1\nc = '{number}'\n"
    )
    cfg = read(path, '--work-dir', 'root/x')
    assert cfg.parts == ['root/qape/corpus/texts', dict(a='root/qape/corpus/b')]
    # what is no string of the config stays: prompts have fields of their own
    assert (cfg.prompt, cfg.c) == ('a photo of {answer}', '{number}')
    path.write_text("a = '{b}'\nb = '{a}'\n")
    with pytest.raises(FormatError, match='names itself'):
        read(path)
    path.write_text("answer = 'x'\nprompt = 'a photo of {answer}'\npair = ('{work_dir}/a', 1)\n")
    cfg = read(path, '--work-dir', 'w')
    assert (cfg.prompt, cfg.pair) == ('a photo of {answer}', ('w/a', 1))
    path.write_text("model = dict(cams='{wrk_dir}/cams')\n")
    with pytest.raises(FormatError, match=r"'{wrk_dir}/cams' names wrk_dir, but the config has no"):
        read(path)


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


@pytest.mark.parametrize(
    ('mode', 'absent', 'present'),
    [('train', '_test_loop', '_train_loop'), ('test', '_train_loop', '_test_loop')],
)
def test_runner_has_what_its_mode_needs(tiny, tmp_path, mode, absent, present):
    runner = build_tiny_runner(tiny, tmp_path / 'work', mode)
    assert getattr(runner, absent) is None
    assert getattr(runner, present) is not None


def test_log_of_a_runner_shows_control_characters(tiny, tmp_path):
    runner = build_tiny_runner(tiny, tmp_path / 'work', 'test')
    runner.logger.warning('image \x1b[31mred\udce9')
    assert 'image \\x1b[31mred\\udce9\n' in log_of(tmp_path / 'work')


@pytest.mark.parametrize('mode', ['train', 'test'])
def test_a_run_writes_its_config(tiny, tmp_path, mode):
    build_tiny_runner(tiny, tmp_path / 'work', mode)
    found = read_run_config(tmp_path / f'work/{mode}_config.json')
    assert (found.mode, found.file) == (mode, tiny.name)
    loaders = {m: found.values[f'{m}_dataloader'] is not None for m in ('train', 'test')}
    assert loaders == {m: m == mode for m in ('train', 'test')}
    # names in braces are filled in, and tuples are lists
    assert found.values['work_dir'] == str(tmp_path / 'work')
    assert found.values['backbone']['out_indices'] == [0]
    other = {'train': 'test', 'test': 'train'}[mode]
    assert not (tmp_path / f'work/{other}_config.json').exists()


def test_other_ranks_write_no_config(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(launch, 'is_main_process', lambda: False)
    build_tiny_runner(tiny, tmp_path / 'work', 'test')
    assert not (tmp_path / 'work/test_config.json').exists()


def test_a_resumed_run_writes_the_same_config(tiny, tmp_path):
    start = dict(load_from=str(tmp_path / 'start.pth'), experiment_name=f'{tmp_path}')
    path = tmp_path / 'work/train_config.json'

    def config_of(**changes):
        cfg = read_tiny_config(tiny, tmp_path / 'work')
        cfg.merge_from_dict(start | changes)
        build_runner(cfg, 'train')
        # mmengine keeps what it made by the name of an experiment
        start['experiment_name'] += 'x'
        return {k: v for k, v in read_run_config(path).values.items() if k != 'experiment_name'}

    first = config_of()
    assert first['load_from'] == start['load_from']
    assert config_of(resume=True, load_from='work/epoch_1.pth') == first
    path.write_text('broken')
    assert config_of(resume=True, load_from='work/epoch_1.pth') == first | dict(load_from=None)


def test_good_runner_has_exit_status_0(tiny, tmp_path):
    runner = build_tiny_runner(tiny, tmp_path / 'work', 'test')
    assert exit_status(runner) == 0
    [hook] = [h for h in runner.hooks if type(h).__name__ == 'FailedRecordsHook']
    hook.failures['img_1'] = 'broken'
    assert exit_status(runner) == 3


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
from qaclims_mm.engine.launch import run_tool
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


def run(monkeypatch, tool, *arguments):
    """Run a tool in this process; returns the exit status."""
    monkeypatch.setattr(sys, 'argv', [tool, *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / 'tools' / tool), run_name='__main__')
    return ended.value.code


def test_tools_train_resume_and_test(monkeypatch, tiny, tmp_path):
    def flags(work_dir, *options):
        # a name of its own, since mmengine names what it keeps by the second
        name = f'experiment_name={tmp_path}_{next(numbers)}'
        return ['--work-dir', tmp_path / work_dir, '--cfg-options', name, *options]

    numbers = itertools.count()
    assert run(monkeypatch, 'train.py', tiny, *flags('w')) == 0
    assert (tmp_path / 'w/epoch_1.pth').is_file()
    more = flags('w', 'train_cfg.max_epochs=2')
    assert run(monkeypatch, 'train.py', tiny, '--resume', *more) == 0
    checkpoint = tmp_path / 'w/epoch_2.pth'
    assert torch.load(checkpoint, weights_only=False)['meta']['iter'] == 4
    (tmp_path / 'voc/SegmentationClass/img_2.png').unlink()
    assert run(monkeypatch, 'test.py', tiny, checkpoint, *flags('w')) == 3
    message = run(monkeypatch, 'test.py', tiny, 'none', '--strict', *flags('x'))
    assert message.startswith('error: mask ')
    assert 'img_2.png of image img_2 is missing' in message


def test_amp_trains_in_mixed_precision(monkeypatch, tiny, tmp_path):
    def weights(name, *flags):
        folder = tmp_path / name
        options = ['--cfg-options', f'experiment_name={folder}', 'optim_wrapper.optimizer.lr=0.01']
        assert run(monkeypatch, 'train.py', tiny, '--work-dir', folder, *flags, *options) == 0
        return torch.load(folder / 'epoch_1.pth', weights_only=False)['state_dict']

    float32, mixed = weights('float32'), weights('mixed', '--amp')
    assert all(w.dtype == float32[name].dtype for name, w in mixed.items())
    found, wanted = (w['backbone.conv1.weight'] for w in (mixed, float32))
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-3)
    assert not torch.equal(found, wanted)


@pytest.mark.parametrize(
    ('gpu', 'bfloat16', 'wrapper'),
    [
        (True, True, 'Bfloat16OptimWrapper'),
        (True, False, 'AmpOptimWrapper'),
        (False, False, 'Bfloat16OptimWrapper'),
    ],
)
def test_mixed_precision_of_a_machine(monkeypatch, gpu, bfloat16, wrapper):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: gpu)
    monkeypatch.setattr(torch.cuda, 'is_bf16_supported', lambda including_emulation: bfloat16)
    assert mixed_precision_wrapper() == wrapper


def test_resume_goes_on_or_begins_with_what_the_config_loads(monkeypatch, tiny, tmp_path):
    """As a pipeline starts every training: --resume, whether or not there is something."""
    numbers = itertools.count()

    def train(folder, *options):
        name = f'experiment_name={tmp_path}_{next(numbers)}'
        flags = ['--work-dir', tmp_path / folder, '--cfg-options', name, *options]
        assert run(monkeypatch, 'train.py', tiny, *flags, '--resume') == 0

    def weights(path):
        return torch.load(path, weights_only=False)['state_dict']['cam_head.conv.weight']

    train('baseline')
    first = weights(tmp_path / 'baseline/epoch_1.pth')
    still = ['optim_wrapper.optimizer.lr=0', f'load_from={tmp_path}/baseline/epoch_1.pth']
    train('next', *still)
    assert torch.equal(weights(tmp_path / 'next/epoch_1.pth'), first)
    # now there is a checkpoint of its own, which counts
    state = torch.load(tmp_path / 'next/epoch_1.pth', weights_only=False)
    state['state_dict']['cam_head.conv.weight'] += 1
    torch.save(state, tmp_path / 'next/epoch_1.pth')
    train('next', *still, 'train_cfg.max_epochs=2')
    torch.testing.assert_close(weights(tmp_path / 'next/epoch_2.pth'), first + 1)


def test_tools_without_a_runner_find_components():
    code = (
        'from qaclims_mm.engine.launch import read_config\n'
        'from mmengine.registry import TRANSFORMS\n'
        f'read_config({str(CAM)!r})\n'
        'TRANSFORMS.build(dict(type="LoadRGBImage"))\n'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


class Broken(torch.utils.data.Dataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        raise FormatError(f'record {index} is bad:\nmend it')


def test_errors_of_workers_come_without_their_traceback():
    def main():
        next(iter(torch.utils.data.DataLoader(Broken(), num_workers=1)))

    with pytest.raises(SystemExit) as ended:
        run_tool(main)
    assert ended.value.code == 'error: record 0 is bad:\nmend it'
