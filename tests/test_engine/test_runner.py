import json

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import LoggerHook
from tiny_runs import build_tiny_runner, log_of, read_tiny_config

from qaclims_mm.engine import runner
from qaclims_mm.engine.runner import build_runner, exit_status
from qaclims_mm.errors import ConfigError, DataError
from qaclims_mm.schemas import read_run_config


@pytest.mark.parametrize(
    ('mode', 'absent', 'present'),
    [('train', '_test_loop', '_train_loop'), ('test', '_train_loop', '_test_loop')],
)
def test_runner_has_what_its_mode_needs(tiny, tmp_path, mode, absent, present):
    runner = build_tiny_runner(tiny, tmp_path / 'work', mode)
    assert getattr(runner, absent) is None
    assert getattr(runner, present) is not None


@pytest.mark.parametrize(
    ('changes', 'asked'),
    [
        ({}, False),
        (dict(train_cfg=dict(max_epochs=2, val_interval=2)), True),
        (dict(train_cfg=dict(max_iters=2, val_interval=3)), False),
        (dict(default_hooks=dict(checkpoint=dict(save_best='seg/mIoU'))), True),
        (dict(custom_hooks=[dict(type='EarlyStoppingHook', monitor='seg/mIoU')]), True),
        (dict(val_dataloader=None, train_cfg=dict(max_epochs=2)), False),
    ],
)
def test_validation_is_done_where_it_is_asked_for(changes, asked):
    loop = dict(max_epochs=2, val_interval=100000)
    cfg = Config(dict(train_cfg=loop, val_dataloader=dict(a=1)) | changes)
    assert runner.validates(cfg) is asked


def test_the_visualizer_has_the_name_of_the_run(tiny, tmp_path):
    """Else a second run of this process would write where the first one did."""
    for name in 'ab':
        built = build_tiny_runner(tiny, tmp_path / name, 'test')
        assert str(tmp_path / name) in built.visualizer.get_backend('LocalVisBackend')._save_dir
        assert 'SegVisualizationHook' not in {type(h).__name__ for h in built.hooks}


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
    # with the network of a training others predict, in its own way of reading
    assert loaders == dict(train=mode == 'train', test=True)
    # names in braces are filled in, and tuples are lists
    assert found.values['work_dir'] == str(tmp_path / 'work')
    assert found.values['backbone']['out_indices'] == [0]
    other = {'train': 'test', 'test': 'train'}[mode]
    assert not (tmp_path / f'work/{other}_config.json').exists()


def test_other_ranks_write_no_config(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(runner, 'is_main_process', lambda: False)
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


def test_the_first_message_shows_control_characters(tiny, tmp_path, monkeypatch):
    """mmengine logs the environment and the config as soon as there is a logger."""
    first = lambda self, env_cfg: self.logger.info('first \x1b[31mred\u202e')  # noqa: E731
    monkeypatch.setattr(runner.Runner, '_log_env', first)
    build_tiny_runner(tiny, tmp_path / 'work', 'test')
    log = log_of(tmp_path / 'work')
    assert 'first \\x1b[31mred\\u202e\n' in log


def test_a_training_of_less_than_one_step(tiny, tmp_path):
    changes = {'train_dataloader.batch_size': 100, 'train_dataloader.drop_last': True}
    cfg = read_tiny_config(tiny, tmp_path / 'work')
    cfg.merge_from_dict(changes)
    with pytest.raises(DataError, match=r'has \d+ images, but a step takes 100; make train_data'):
        build_runner(cfg, 'train').train()


def test_ranks_do_not_wrap_a_model_with_nothing_to_train(tiny, tmp_path, monkeypatch):
    """DDP refuses one; tests/test_cli/test_dist_masks.py has such ranks."""
    built = build_tiny_runner(tiny, tmp_path / 'work', 'test')
    monkeypatch.setattr(runner.Runner, 'wrap_model', lambda self, cfg, model: 'wrapped')
    linear = torch.nn.Linear(2, 2)
    assert built.wrap_model(None, torch.nn.BatchNorm2d(3, affine=False)) == 'wrapped'
    built._distributed = True
    assert built.wrap_model(None, linear) == 'wrapped'
    for bare in (torch.nn.BatchNorm2d(3, affine=False), linear.requires_grad_(False)):
        assert built.wrap_model(None, bare) is bare


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(model=None), r'tiny\.py has no model to test; give the config of a stage'),
        (dict(model=None, ir_label=dict(cams='cams')), r'to test; run qaclims ir-label'),
    ],
)
def test_a_config_without_a_model(tiny, tmp_path, changes, message):
    cfg = read_tiny_config(tiny, tmp_path / 'work')
    for key, value in changes.items():
        cfg[key] = value
    with pytest.raises(ConfigError, match=message):
        build_runner(cfg, 'test')


def test_a_short_training_logs_enough_for_a_curve(tiny, tmp_path):
    changes = {'default_hooks.logger.interval': 50, 'train_cfg.max_epochs': 8}
    built = build_tiny_runner(tiny, tmp_path / 'work', 'train', **changes)
    built.train()
    [path] = (tmp_path / 'work').glob('*/vis_data/scalars.json')
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    steps = [e['step'] for e in entries if 'loss' in e]
    assert steps == [*range(1, built.max_iters + 1)]


@pytest.mark.parametrize(
    ('interval', 'steps', 'wanted'), [(50, 279, 4), (50, 6000, 50), (3, 279, 3), (50, 10, 1)]
)
def test_interval_of_the_log(tiny, tmp_path, interval, steps, wanted):
    changes = {'default_hooks.logger.interval': interval}
    built = build_tiny_runner(tiny, tmp_path / 'work', 'train', **changes)
    built.build_train_loop(dict(type='IterBasedTrainLoop', max_iters=steps))
    [hook] = [h for h in built.hooks if isinstance(h, LoggerHook)]
    assert hook.interval == wanted
