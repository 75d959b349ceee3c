"""A run of seconds: the real runtime configs, the tiny VOC, and a network of a few weights."""

import itertools
from pathlib import Path

from qaclims_mm.engine.config import load_config
from qaclims_mm.engine.parser import base_parser
from qaclims_mm.engine.runner import build_runner

ROOT = Path(__file__).resolve().parents[1]
_RUNS = itertools.count()
_CONFIG = """
_base_ = ['{configs}/plugin.py', '{configs}/default_runtime.py']
common = dict(num_workers=0, collate_fn=dict(type='list_collate'))
# mmengine collects garbage for 0.2 s to serialise a dataset
data = dict(
    type='VOC12WeakDataset', data_root='{root}', ann_file='train.txt', serialize_data=False
)
train_dataloader = dict(
    batch_size=2,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        **data, pipeline=[dict(type='LoadRGBImage'), dict(type='PackWeakInputs')]
    ),
    **common,
)
test_dataloader = dict(
    batch_size=1,
    sampler=dict(type='ShardSampler'),
    batch_sampler=dict(type='ShardBatchSampler'),
    dataset=dict(
        **data,
        test_mode=True,
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadMask'),
            dict(type='PackWeakInputs', scales=(1.0, 0.5)),
        ],
    ),
    **common,
)
backbone = dict(
    type='ResNet', depth=18, base_channels=8, num_stages=1, strides=(1,), dilations=(1,),
    out_indices=(0,),
)
model = dict(
    type='CAMClassifier',
    backbone=backbone,
    cam_head=dict(type='CAMHead', in_channels=8, num_classes=20),
)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1))
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=1)
test_cfg = dict(type='TestLoop')
test_evaluator = [
    dict(type='CAMWriter'),
    dict(type='CAMMetric'),
]
"""


def write_tiny_config(path, root, more=''):
    """Write the config of a CAMClassifier over the tiny VOC in ``root``; ``more`` comes last."""
    text = _CONFIG.format(configs=ROOT / 'configs/_base_', root=root)
    path.write_text(text + more)
    return path


def read_tiny_config(path, work_dir, *flags, **changes):
    """Read a config as the tools do."""
    cfg = load_config(base_parser('').parse_args([str(path), '--work-dir', str(work_dir), *flags]))
    cfg.merge_from_dict(changes)
    # mmengine names what it keeps by the second, and tests are faster
    cfg.experiment_name = f'run_{next(_RUNS)}'
    return cfg


def build_tiny_runner(path, work_dir, mode, *flags, **changes):
    """Build a runner as the tools do."""
    return build_runner(read_tiny_config(path, work_dir, *flags, **changes), mode)


def log_of(work_dir):
    """Return the text of all log files of a work dir."""
    return '\n'.join(p.read_text() for p in sorted(Path(work_dir).glob('*/*.log')))
