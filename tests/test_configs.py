import ast
import re
from math import ceil

import torch
from mmengine import registry
from mmengine.config import Config
from shipped_configs import (
    CONFIGS,
    LEAVES,
    SEGMENTORS,
    bases,
    each_file,
    each_leaf,
    leaf,
    load,
    model_of,
    pipelines,
    without_weights,
)

from qaclims_mm.engine.ir_labels import read_options
from qaclims_mm.registry import DATASETS, MODELS, PROMPTED_SEGMENTERS, TRANSFORMS, VQA_MODELS


def test_there_are_configs():
    assert len(LEAVES) >= 15
    assert len({path.stem for path in LEAVES}) == len(LEAVES), 'two leaves share a work dir'


MAX_DEPTH, MAX_KNOBS = 3, 10


def depth(path):
    # those of mmseg are its own
    inner = [p for p in bases(path) if p.resolve().is_relative_to(CONFIGS)]
    return max((1 + depth(p) for p in inner), default=0)


@each_file
def test_depth(path):
    assert depth(path) <= MAX_DEPTH


@each_leaf
def test_few_knobs(path):
    body = ast.parse(path.read_text()).body
    knobs = [n for n in body if isinstance(n, ast.Assign) and isinstance(n.value, ast.Constant)]
    assert len(knobs) <= MAX_KNOBS


@each_file
def test_delete_has_a_comment(path):
    lines = path.read_text().splitlines()
    bare = [i for i, line in enumerate(lines, start=1) if '_delete_' in line and '#' not in line]
    assert not bare, f'{path}: say in the line why the base is thrown away: lines {bare}'


def test_swapping_takes_few_lines():
    for words, lines in (('r50_clip-vitb16', 8), ('r101_clip-vitl14-mask', 4)):
        path = leaf(f'qa-clims_{words}_2xb4-15e_voc12aug-512x512')
        assert len(path.read_text().splitlines()) <= lines


HOOK_KEYS = ('default_hooks', 'custom_hooks')
# {key in a config: registry of what stands under it}; anything else is a model
REGISTRIES = {
    'pipeline': TRANSFORMS,
    'train_pipeline': TRANSFORMS,
    'test_pipeline': TRANSFORMS,
    'dataset': DATASETS,
    'coco14_train': DATASETS,
    'coco14_val': DATASETS,
    '_pack': TRANSFORMS,
    'server_tta_pipeline': TRANSFORMS,
    'server_evaluator': registry.METRICS,
    'vqa': VQA_MODELS,
    'segmenter': PROMPTED_SEGMENTERS,
    'sampler': registry.DATA_SAMPLERS,
    'batch_sampler': registry.DATA_SAMPLERS,
    'edit': TRANSFORMS,
    'collate_fn': registry.FUNCTIONS,
    'init_cfg': registry.WEIGHT_INITIALIZERS,
    'optim_wrapper': registry.OPTIM_WRAPPERS,
    'optimizer': registry.OPTIMIZERS,
    'param_scheduler': registry.PARAM_SCHEDULERS,
    'test_evaluator': registry.METRICS,
    'val_evaluator': registry.METRICS,
    'metrics': registry.METRICS,
    'val_cfg': registry.LOOPS,
    'visualizer': registry.VISUALIZERS,
    'vis_backends': registry.VISBACKENDS,
    '_load': TRANSFORMS,
    '_server_load': TRANSFORMS,
    'train_cfg': registry.LOOPS,
    'test_cfg': registry.LOOPS,
    'tta_pipeline': TRANSFORMS,
}


def typed(node, keys=()):
    """Yield the keys above every dict with a type, and the type."""
    if isinstance(node, dict):
        if isinstance(node.get('type'), str):
            yield keys, node['type']
        for key, value in node.items():
            yield from typed(value, (*keys, key))
    elif isinstance(node, (list, tuple)):
        for value in node:
            yield from typed(value, keys)


@each_leaf
def test_every_type_is_registered(path):
    found = 0
    for keys, name in typed(load(path).to_dict()):
        if keys == ('ir_label',):
            continue
        hook = keys and keys[0] in HOOK_KEYS
        known = next((REGISTRIES[k] for k in reversed(keys) if k in REGISTRIES), MODELS)
        known = registry.EVALUATOR if name == 'SegEvaluator' else known
        with (registry.HOOKS if hook else known).switch_scope_and_registry('mmseg') as scoped:
            assert scoped.get(name) is not None, f'{path}: {".".join(keys)}: {name} is unknown'
        found += 1
    assert found >= 15


@each_leaf
def test_model_and_transforms_build(path):
    cfg = load(path)
    if 'ir_label' in cfg:
        assert read_options(cfg).cams
    else:
        check_model(path, cfg)
    for steps in pipelines(cfg):
        for step in steps:
            if step.type not in ('LoadTextRows', 'LoadAnswers'):  # these open bank and corpus
                TRANSFORMS.build(step)


def check_model(path, cfg):
    model = MODELS.build(without_weights(cfg.model.to_dict()))
    assert type(model).__name__ == cfg.model.type
    if 'backbone' in cfg.model:
        model.eval()
        with torch.no_grad():
            out = model(torch.zeros(1, 3, 32, 64))
        if cfg.model.type in SEGMENTORS:
            assert out.shape[:2] == (1, cfg.model.decode_head.num_classes)
        elif cfg.model.type == 'IRNRefiner':
            assert [x.shape for x in out] == [(1, 1, 8, 16), (1, 2, 8, 16)]
        else:
            # that of the paper's maps is 16
            backbone = cfg.model.backbone
            own = (
                16
                if 'depth' in backbone
                else (backbone.get('options') or {}).get('output_stride', 32)
            )
            stride = 8 if 'miniworld' in path.stem else cfg.model.get('patch_size') or own
            cells = [ceil(side / stride) for side in (32, 64)]
            assert out.shape == (1, cfg.model.cam_head.num_classes, *cells)


@each_leaf
def test_a_config_is_whole_when_mmengine_has_read_it(path, monkeypatch):
    monkeypatch.setenv('QACLIMS_ROOT', "a root, it's")
    cfg = Config.fromfile(path)
    assert cfg.work_dir.startswith("a root, it's/")
    left = re.findall(r'\{\w+\}', cfg.pretty_text)
    assert set(left) <= {'{answer}', '{text}', '{class}', '{question}'}


@each_leaf
def test_segmentors_have_what_the_tools_of_mmseg_look_for(path):
    cfg = Config.fromfile(path)
    if model_of(cfg).type not in SEGMENTORS:
        return
    for steps in (cfg.test_pipeline, cfg.test_dataloader.dataset.pipeline):
        assert steps[0].type == 'LoadImageFromFile'
    assert cfg.visualizer.type == 'SegLocalVisualizer'
    assert cfg.default_hooks.visualization.type == 'SegVisualizationHook'
    # MMSegInferencer takes a name and mmengine's runner a dict, so there is none
    assert 'collate_fn' not in cfg.test_dataloader
    assert cfg.val_dataloader.dataset.ann_file.endswith(('val.txt', 'val2014.csv'))
    assert cfg.val_evaluator.type == 'IoUMetric'
