import pytest
import torch
from test_engine.test_hooks.test_cam_visualization import train
from tiny_runs import build_tiny_runner

from qaclims_mm.engine.hooks.head_warmup import HeadWarmUpHook

# gives the tiny run one group of the optimizer for each weight
APART = 'optim_wrapper.paramwise_cfg.custom_keys.cam_head.lr_mult=10.0'


def warm(iters, *flags):
    return [
        'randomness.seed=0',
        APART,
        'default_hooks.warmup.type=HeadWarmUpHook',
        f'default_hooks.warmup.iters={iters}',
        *flags,
    ]


def trained(tiny, folder):
    model = build_tiny_runner(tiny, folder, 'train').model
    names = [k for k, p in model.named_parameters() if p.requires_grad]
    head = {k for k in names if k.startswith('cam_head.')}
    return head, set(names) - head


def moved(first, second, names):
    return {k for k in names if not torch.equal(first[k], second[k])}


def test_the_head_learns_alone_in_the_first_steps(tiny, tmp_path):
    head, others = trained(tiny, tmp_path / 'names')
    assert head
    assert others
    still = train(tiny, tmp_path / 'still', 'randomness.seed=0', 'optim_wrapper.optimizer.lr=0')
    both = train(tiny, tmp_path / 'both', *warm(2))  # the run has two steps
    assert moved(still, both, head) == head
    assert not moved(still, both, others)
    plain = train(tiny, tmp_path / 'plain', 'randomness.seed=0', APART)
    of_two_steps = moved(still, plain, others)
    one = train(tiny, tmp_path / 'one', *warm(1))
    assert moved(still, one, others) <= of_two_steps
    assert moved(still, one, others)
    assert moved(plain, one, others) == of_two_steps
    none = train(tiny, tmp_path / 'none', *warm(0))
    assert not moved(none, plain, head | others)


def test_the_schedule_does_not_notice(tiny, tmp_path):
    decay = [dict(type='LinearLR', start_factor=1.0, end_factor=0.5, by_epoch=False, end=2)]
    rates = []
    for iters in (0, 1, 2):
        folder, flags = tmp_path / f'{iters}', warm(iters)
        runner = build_tiny_runner(
            tiny, folder, 'train', '--cfg-options', *flags, param_scheduler=decay
        )
        runner.train()
        rates.append([group['lr'] for group in runner.optim_wrapper.param_groups])
        assert len(runner.param_schedulers) == 1
    assert rates[0] == rates[1] == rates[2]
    assert set(rates[0]) == {0.05, 0.5}


def test_a_training_that_resumes_goes_on_as_it_would_have(tiny, tmp_path):
    flags = warm(3, 'train_cfg.max_epochs=2')
    whole = train(tiny, tmp_path / 'whole', *flags)
    resumed = train(
        tiny, tmp_path / 'resumed', *flags, 'resume=True', f'load_from={tmp_path}/whole/epoch_1.pth'
    )
    head, others = trained(tiny, tmp_path / 'names')
    assert not moved(whole, resumed, head | others)


def test_one_group_for_all_weights(tiny, tmp_path):
    runner = build_tiny_runner(
        tiny,
        tmp_path,
        'train',
        '--cfg-options',
        'default_hooks.warmup.type=HeadWarmUpHook',
        'default_hooks.warmup.iters=1',
    )
    with pytest.raises(ValueError, match=r'cam_head shares a group .*\.paramwise_cfg\.custom_keys'):
        runner.train()


def test_a_model_without_that_head(tiny, tmp_path):
    flags = warm(1, 'default_hooks.warmup.head=decode_head')
    runner = build_tiny_runner(tiny, tmp_path, 'train', '--cfg-options', *flags)
    with pytest.raises(ValueError, match="CAMClassifier has no attribute 'decode_head'; give"):
        runner.train()


def test_a_head_that_is_not_trained(tiny, tmp_path):
    flags = warm(1, 'default_hooks.warmup.head=data_preprocessor')
    runner = build_tiny_runner(tiny, tmp_path, 'train', '--cfg-options', *flags)
    with pytest.raises(ValueError, match='the optimizer has no weights of data_preprocessor'):
        runner.train()


def test_negative_steps():
    with pytest.raises(ValueError, match='iters must be at least 0, but got -1'):
        HeadWarmUpHook(-1)
