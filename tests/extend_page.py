"""The files of docs/extend*.md, and small runs with them."""

import re

from mmengine.runner.checkpoint import CheckpointLoader
from tiny_runs import ROOT
from tool_runs import run_tool

from qaclims_mm.engine.config import read_config
from qaclims_mm.registry import DATASETS

PAGES = sorted((ROOT / 'docs').glob('extend*.md'))
PAGE = '\n'.join(path.read_text() for path in PAGES)
FILES = dict(re.findall(r'```python\n# (\w+\.py)\n(.*?)```', PAGE, re.DOTALL))
TESTS = [name for name in FILES if name.startswith('test_')]
# what is run, and not built alone
CONFIGS = [name for name, code in FILES.items() if '_base_ =' in code]
QUICK = ('test_dataloader.num_workers=0', 'test_dataloader.dataset.indices=4')
QUICK_TRAINING = (
    'train_cfg.max_epochs=1',
    'train_dataloader.num_workers=0',
    'train_dataloader.persistent_workers=False',
    'train_dataloader.batch_size=4',
    *QUICK,
)
# a training of two steps on the pictures that are there
QUICK_PLAN = f"""
for stage in comparators:
    options = {QUICK_TRAINING!r} if stage['command'] == 'train' else {QUICK[:1]!r}
    if stage['name'].startswith('my_'):
        stage['args'] = ['--cfg-options', *options]
    if stage['name'] == 'my_train_maps':
        stage['checkpoint'] = '{{work_dir}}/my_train/epoch_1.pth'
small = ['--root', 'data/compared', '--num-train', '8', '--num-val', '4']
stages = [s | dict(args=small, made=['data/compared']) if s['name'] == 'data' else s
          for s in _base_.stages]
"""
CORPUS = 'text_encoding.corpus=work_dirs/miniworld/my_qape/corpus'
TEXT_BANKS = (
    'model.text_bank',
    'train_dataloader.dataset.pipeline.1.text_bank',
)


def run(capsys, tool, *args):
    """Run a tool in this process, and return what it prints."""
    done = run_tool(tool, *args, capsys=capsys)
    assert done.status == 0, done.text
    return done.text


def train(capsys, config, *options):
    """Train for an epoch of two steps, and return the model."""
    run(capsys, 'train', config, '--cfg-options', *QUICK_TRAINING, *options)
    path = f'{read_config(config).work_dir}/epoch_1.pth'
    return CheckpointLoader.load_checkpoint(path)['state_dict'], path


def records():
    """Return the records of MiniWorld's training images."""
    ann_file = 'ImageSets/Segmentation/train.txt'
    dataset = DATASETS.build(dict(type='MiniWorldDataset', ann_file=ann_file, pipeline=[]))
    return list(dataset.iterate_records())
