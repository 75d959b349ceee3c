import itertools
import runpy
import sys

import pytest
import torch
from mmengine.config import Config
from tiny_runs import ROOT

from qaclims_mm.engine.shards import Shard
from qaclims_mm.engine.switches import (
    draw_predictions,
    limit_to_shard,
    scale_learning_rate,
    write_predictions,
)
from qaclims_mm.errors import ConfigError


def run(monkeypatch, tool, *arguments):
    """Run a tool in this process; returns the exit status."""
    monkeypatch.setattr(sys, 'argv', [tool, *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / 'tools' / tool), run_name='__main__')
    return ended.value.code


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


def config(**parts):
    return Config(parts, cfg_text='# a config', filename='c.py')


def test_learning_rate_follows_the_batch():
    cfg = config(auto_scale_lr=dict(base_batch_size=16))
    scale_learning_rate(cfg)
    assert cfg.auto_scale_lr == dict(base_batch_size=16, enable=True)
    with pytest.raises(ConfigError, match=r'^c\.py does not say for how many images a step'):
        scale_learning_rate(config())


def test_predictions_are_drawn():
    hooks = dict(visualization=dict(type='SegVisualizationHook'))
    cfg = config(default_hooks=hooks, visualizer=dict(type='SegLocalVisualizer'))
    draw_predictions(cfg, show=False, show_dir='shown', wait_time=2)
    assert cfg.default_hooks.visualization == dict(type='SegVisualizationHook', draw=True)
    assert cfg.visualizer.save_dir == 'shown'
    draw_predictions(cfg, show=True, show_dir=None, wait_time=3)
    assert cfg.default_hooks.visualization.wait_time == 3
    cfg.default_hooks.visualization.type = 'CAMVisualizationHook'
    for other in (config(), cfg):
        with pytest.raises(ConfigError, match=r'^c\.py has no visualizer and default_hooks'):
            draw_predictions(other, show=True, show_dir=None, wait_time=2)


IOU, WRITER = dict(type='IoUMetric'), dict(type='SegMaskWriter')


@pytest.mark.parametrize(
    ('evaluator', 'wanted'),
    [
        (IOU, IOU | dict(output_dir='o')),
        ([WRITER, IOU], [WRITER, IOU | dict(output_dir='o')]),
        ([WRITER], [WRITER | dict(out_dir='o')]),
        (dict(metrics=[IOU]), dict(metrics=[IOU | dict(output_dir='o')])),
    ],
)
def test_masks_are_written(evaluator, wanted):
    cfg = config(test_evaluator=evaluator)
    write_predictions(cfg, 'o')
    assert cfg.to_dict()['test_evaluator'] == wanted


def test_masks_of_a_config_without_masks():
    with pytest.raises(ConfigError, match=r'^c\.py tests by no IoUMetric or SegMaskWriter'):
        write_predictions(config(test_evaluator=[dict(type='CAMWriter')]), 'o')


@pytest.mark.parametrize('evaluator', [IOU, [IOU], dict(type='SegEvaluator', metrics=[IOU])])
def test_a_test_run_of_a_shard(evaluator):
    cfg = config(test_evaluator=evaluator, custom_hooks=[dict(type='ResumeTestHook')])
    limit_to_shard(cfg, Shard(2, 3))
    assert cfg.to_dict()['test_evaluator'] == dict(type='ShardEvaluator', metrics=[IOU])
    assert tuple(cfg.shard) == (2, 3)


def test_a_shard_needs_the_hook():
    with pytest.raises(ConfigError, match=r"^c\.py has no dict\(type='ResumeTestHook'\)"):
        limit_to_shard(config(test_evaluator=[IOU]), Shard(1, 2))
