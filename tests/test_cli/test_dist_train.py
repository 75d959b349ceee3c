"""IRN and segmentors trained by ranks of Slurm and of two machines, against one process."""

import numpy as np
import pytest
import torch
from helpers import make_tiny_voc
from rank_runs import (
    MARKS,
    flags_from_start,
    moved_alike,
    read_weights,
    run_nodes,
    run_slurm,
    train_alone,
)
from tiny_runs import write_tiny_config
from tiny_stages import TINY_IRN, TINY_SEGMENTOR

from qaclims_mm.schemas import IGNORE_INDEX, write_mask

pytestmark = MARKS
# the ranks' batches have other numbers of pairs and of pixels that count: img_7 has no object, and
# most of img_1 is unsure
LABELS = {
    'img_0': ('dog',),
    'img_1': ('person', 'diningtable'),
    'img_2': ('cat', 'dog'),
    'img_3': ('train',),
    'img_4': ('cat', 'dog', 'person'),
    'img_5': ('dog',),
    'img_6': ('person',),
    'img_7': (),
}
IRN = f"""{TINY_IRN}
train_dataloader['dataset']['pipeline'].insert(1, dict(type='LoadMask'))
default_hooks = dict(displacement_mean=dict(type='DisplacementMeanHook'))
"""
SEGMENTOR = f"""{TINY_SEGMENTOR}
backbone.update(norm_cfg=dict(type='SyncBN'), norm_eval=False)
train_dataloader['dataset']['pipeline'] = [
    dict(type='LoadBGRImage'), dict(type='LoadMask'), dict(type='PackSegInputs')
]
"""


@pytest.fixture
def voc(tmp_path):
    make_tiny_voc(tmp_path / 'voc', labels=LABELS)
    unsure = np.full((32, 40), IGNORE_INDEX)
    unsure[:8, :8] = 15
    write_mask(tmp_path / 'voc/SegmentationClass/img_1.png', unsure)
    return tmp_path / 'voc'


def test_ranks_of_slurm_train_irn_as_one_process_with_the_whole_batch(tmp_path, voc):
    config = write_tiny_config(tmp_path / 'irn.py', voc, IRN)
    start, one = train_alone(config, tmp_path, **{'train_dataloader.batch_size': 4})
    code, output, flags = run_slurm(
        tmp_path / 'bin', 'slurm_train.sh', 'gpus', 'my irn', config,
        *flags_from_start(tmp_path, 'two'), GPUS=2, GPUS_PER_NODE=8,
    )  # fmt: skip
    assert code == 0, output
    assert 'Distributed launcher: slurm' in output
    assert flags == [
        *('--partition=gpus', '--job-name=my irn', '--ntasks=2', '--ntasks-per-node=8'),
        *('--gres=gpu:8', '--cpus-per-task=5', '--kill-on-bad-exit=1'),
    ]
    moved = moved_alike(start, one, read_weights(tmp_path / 'two', steps=2))
    # the hook's mean over all images too
    for name in (
        'edge_head.fuse.weight',
        'displacement_head.fuse.0.weight',
        'displacement_head.mean',
    ):
        assert moved[name] > 1e-3, name
    assert moved['backbone.conv1.weight'] == 0


def test_two_machines_train_a_segmentor_as_one_process_that_adds_up_their_batches(tmp_path, voc):
    config = write_tiny_config(tmp_path / 'segmentor.py', voc, SEGMENTOR)
    # a rank's loss is the mean over its own pixels that count, and its BN sees its own images: one
    # process takes the same steps if it goes through the ranks' batches in turn
    start, one = train_alone(
        config, tmp_path,
        **{'train_dataloader.dataset.indices': [0, 2, 1, 3, 4, 6, 5, 7]},
        **{'optim_wrapper.accumulative_counts': 2},
    )  # fmt: skip
    flags = flags_from_start(tmp_path, 'two')
    for code, output in run_nodes('dist_train.sh', config, 1, *flags):
        assert code == 0, output
    two = read_weights(tmp_path / 'two', steps=2)
    statistics = [n for n in one if 'running_' in n or n.endswith('num_batches_tracked')]
    assert len(statistics) > 20
    # the first rank's are kept: of half the images
    assert two[statistics[-1]] == 2
    assert one[statistics[-1]] == 4
    for weights in (start, one, two):
        for name in statistics:
            assert torch.isfinite(weights.pop(name).float()).all()
    moved = moved_alike(start, one, two)
    assert moved['decode_head.convs.0.weight'] > 1e-3
    assert np.median([m for n, m in moved.items() if n.endswith('weight')]) > 1e-4
