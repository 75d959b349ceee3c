import pytest
import torch
from test_engine.test_hooks.test_cam_visualization import train
from tiny_runs import build_tiny_runner

from qaclims_mm.engine.hooks.weight_noise import WeightNoiseHook

NOISE = 'default_hooks.noise.type=WeightNoiseHook'
STILL = 'optim_wrapper.optimizer.lr=0'


def noisy(seed, ratio=1e-3):
    return [NOISE, f'default_hooks.noise.seed={seed}', f'default_hooks.noise.ratio={ratio}']


def weights_of(tiny, folder, *flags):
    return train(tiny, folder, 'randomness.seed=0', STILL, *flags)


def test_each_trained_weight_moves_by_its_share(tiny, tmp_path):
    plain = weights_of(tiny, tmp_path / 'plain')
    moved, again, other = (
        weights_of(tiny, tmp_path / f'{i}', *noisy(s)) for i, s in enumerate('112')
    )
    trained = dict(build_tiny_runner(tiny, tmp_path / 'names', 'train').model.named_parameters())
    trained = [k for k, p in trained.items() if p.requires_grad]
    ratios = torch.cat([(moved[k] / plain[k] - 1)[plain[k] != 0].flatten() for k in trained])
    assert len(ratios) > 1000
    assert ratios.std().item() == pytest.approx(1e-3, rel=0.05)
    assert abs(ratios.mean().item()) < 1e-4
    assert all(torch.equal(moved[k], again[k]) for k in trained)
    assert any(not torch.equal(moved[k], other[k]) for k in trained)
    # what is not trained, buffers too, has no noise of its own
    buffers = {k for k in plain if k not in trained and 'running' not in k and 'tracked' not in k}
    assert all(torch.equal(plain[k], moved[k]) for k in buffers)


def test_none_changes_nothing(tiny, tmp_path):
    plain = weights_of(tiny, tmp_path / 'plain')
    same = weights_of(tiny, tmp_path / 'same', *noisy(1, 0))
    assert all(torch.equal(plain[k], same[k]) for k in plain)


def test_a_training_that_resumes_is_left(tiny, tmp_path):
    runner = build_tiny_runner(tiny, tmp_path, 'train')
    before = [p.clone() for p in runner.model.parameters()]
    runner.train_loop._iter = 1
    WeightNoiseHook(1, 0.5).before_train(runner)
    assert all(torch.equal(a, b) for a, b in zip(before, runner.model.parameters(), strict=True))
    runner.train_loop._iter = 0
    WeightNoiseHook(1, 0.5).before_train(runner)
    assert any(
        not torch.equal(a, b) for a, b in zip(before, runner.model.parameters(), strict=True)
    )


def test_a_bad_ratio():
    with pytest.raises(ValueError, match=r'ratio must be at least 0, but got -0\.1'):
        WeightNoiseHook(ratio=-0.1)
