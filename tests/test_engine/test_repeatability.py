"""A training that was broken off ends as an unbroken one, whatever its workers."""

import pytest
import torch
from tiny_runs import build_tiny_runner, log_of

RANDOM = """
train_dataloader.update(
    sampler=dict(type='SeededSampler', shuffle=True),
    dataset=dict(
        **data,
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='RandomResizeLongSide', min_side=24, max_side=40),
            dict(type='RandomFlip', prob=0.5),
            dict(type='RandomCropPad', size=32),
            dict(type='PackWeakInputs'),
        ],
    ),
)
model.update(
    data_preprocessor=dict(type='WeakDataPreprocessor', size=(32, 32)),
)
default_hooks = dict(checkpoint=dict(max_keep_ckpts=-1))
"""


@pytest.fixture
def train(tiny, tmp_path):
    tiny.write_text(tiny.read_text() + RANDOM)

    def run(folder, epochs, **changes):
        changes = {'train_cfg.max_epochs': epochs, **changes}
        # what a run before it has drawn must not matter
        torch.manual_seed(len(folder))
        runner = build_tiny_runner(tiny, tmp_path / folder, 'train', **changes)
        runner.train()
        return runner.model.state_dict()

    return run


def test_broken_off_and_resumed(train):
    unbroken = train('unbroken', 3)
    train('broken', 1)
    resumed = train('broken', 3, resume=True)
    for name, value in unbroken.items():
        torch.testing.assert_close(resumed[name], value, rtol=0, atol=0)
    other = train('other', 3, **{'randomness.seed': 1})
    assert any(not torch.equal(other[name], value) for name, value in unbroken.items())


def test_killed_in_the_middle_of_a_checkpoint(train, tmp_path):
    unbroken = train('unbroken', 3)
    train('broken', 2)
    # as mmengine alone leaves it
    torn = tmp_path / 'broken/epoch_2.pth'
    torn.write_bytes(torn.read_bytes()[:1000])
    (tmp_path / 'broken/last_checkpoint').write_text('')
    resumed = train('broken', 3, resume=True)
    assert 'epoch_1.pth' in log_of(tmp_path / 'broken').split('Auto resumed')[1].splitlines()[0]
    for name, value in unbroken.items():
        torch.testing.assert_close(resumed[name], value, rtol=0, atol=0)


@pytest.mark.slow
def test_number_of_workers_does_not_matter(train):
    alone = train('alone', 2)
    shared = train('workers', 2, **{'train_dataloader.num_workers': 2})
    for name, value in alone.items():
        torch.testing.assert_close(shared[name], value, rtol=0, atol=0)
