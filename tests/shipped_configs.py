"""The shipped configs, and what tests read of them."""

from functools import cache
from pathlib import Path

import pytest
from mmengine.config import Config, ConfigDict

from qaclims_mm.engine.config import read_config

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
FILES = sorted(CONFIGS.rglob('*.py'))
# pipelines are plans of stages and suites vary them, see test_workflow
PLANS = {'pipelines', 'suites'}
LEAVES = [p for p in FILES if not {'_base_', *PLANS} & set(p.relative_to(CONFIGS).parts)]
# segmentors of mmseg, ours and its own
SEGMENTORS = ('DeepLabV1', 'DeepLabV2', 'EncoderDecoder', 'EoMT')

each_leaf = pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
each_file = pytest.mark.parametrize('path', FILES, ids=lambda p: str(p.relative_to(CONFIGS)))


@cache
def load(path):
    """Read a config as the tools do; tests do not change it."""
    return read_config(path)


def leaf(stem):
    [path] = [path for path in LEAVES if path.stem == stem]
    return path


def bases(path):
    return [path.parent / name for name in Config._get_base_files(str(path))]


def model_of(cfg):
    """Return the config's model; the stage ir_label has none."""
    return cfg.get('model') or ConfigDict(type=None)


def pipelines(cfg):
    loaders = [cfg.get(f'{split}_dataloader') for split in ('train', 'val', 'test')]
    return [loader.dataset.pipeline for loader in loaders if loader]


def transforms(cfg, kind):
    return [step for steps in pipelines(cfg) for step in steps if step.type == kind]


def without_weights(node):
    """Return a copy of a config that reads no weights."""
    if isinstance(node, dict):
        return {
            k: without_weights(v) for k, v in node.items() if k not in ('init_cfg', 'pretrained')
        }
    return [without_weights(v) for v in node] if isinstance(node, (list, tuple)) else node


RITC = 'qa-clims_r50_clip-vitl14-mask{}_2xb4-15e_voc12aug-512x512'
# {key: (paper, official)}; None = not there
PRESETS = {
    'blip-vqa-base_fg6-bg10{}_voc12aug-480x480': {
        'model.vqa.model': ('Salesforce/blip-vqa-base', 'data/weights/blip_vqa-base-capfilt-large'),
        'model.question_set': ('paper', 'official'),
        'model.lemmatize': (False, True),
        'model.label_test': ('words', 'substring'),
        'model.aliases.dining table.0': (None, 'table'),
        'model.aliases.potted plant.0': (None, 'plant'),
        'model.aliases.tv monitor.0': (None, 'monitor'),
    },
    'cam_r50{}_2xb8-5e_voc12aug-512x512': {'model.backbone.frozen_stages': (2, 0)},
    RITC: {
        'model.activation': ('sigmoid', 'relu'),
        'model.backbone.frozen_stages': (0, -1),
        'model.image_head.norm': ('clip', 'imagenet'),
        'model.loss_brc.positive': ('exp_mean', 'mean_exp'),
        'model.fg_fusion': ('mean', 'label_half'),
        'model.region_image': ('hard', 'soft'),
        'text_encoding.prompt': ('a photo of {answer}', 'a photo of {answer}.'),
        'text_encoding.bg_filter': ('none', 'distinct'),
        'optim_wrapper.optimizer.momentum': (0.9, 1e-4),
        'optim_wrapper.paramwise_cfg.custom_keys.backbone.conv1.lr_mult': (None, 0.0),
        'optim_wrapper.paramwise_cfg.custom_keys.backbone.bn1.lr_mult': (None, 0.0),
    },
}
# what either preset reads comes from the stages of the same preset
INPUTS = ('load_from', 'text_encoding.corpus')
