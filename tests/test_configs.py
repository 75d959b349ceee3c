import ast
import re
from functools import cache
from math import ceil
from pathlib import Path
from typing import NamedTuple

import open_clip
import pytest
import torch
from mmengine import registry
from mmengine.config import Config, ConfigDict
from mmengine.optim import build_optim_wrapper
from mmseg.structures import SegDataSample

from qaclims_mm.engine.compat import enable_mmseg_bases
from qaclims_mm.engine.config import read_config
from qaclims_mm.engine.ir_labels import read_options
from qaclims_mm.miniworld.world import CLASS_FACTS, SCENE_FACTS
from qaclims_mm.registry import DATASETS, MODELS, PROMPTED_SEGMENTERS, TRANSFORMS, VQA_MODELS
from qaclims_mm.schemas.work_dir import IR_LABELS

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
FILES = sorted(CONFIGS.rglob('*.py'))
# pipelines are plans of stages and suites vary them, see test_workflow
PLANS = {'pipelines', 'suites'}
LEAVES = [p for p in FILES if not {'_base_', *PLANS} & set(p.relative_to(CONFIGS).parts)]
# {word of a name: the images it stands for, those whose maps are judged, and those of segmentors}
LISTS = {
    'voc12aug': ('trainaug.txt', 'train.txt', 'val.txt'),
    'coco14': ('train2014.csv', 'train2014.csv', 'val2014.csv'),
    'miniworld': ('train.txt', 'train.txt', 'val.txt'),
}
# segmentors of mmseg, ours and its own
SEGMENTORS = ('DeepLabV1', 'DeepLabV2', 'EncoderDecoder', 'EoMT')
# maps of a frozen CLIP, which takes images at its own size
UNTRAINED = ('CLIPCAM', 'CLIPES')
# all whose maps are judged without a training
COMPARED = (*UNTRAINED, 'PromptedMasks')
MAX_DEPTH, MAX_KNOBS = 3, 10

each_leaf = pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
each_file = pytest.mark.parametrize('path', FILES, ids=lambda p: str(p.relative_to(CONFIGS)))


@cache
def load(path):
    """Read a config as the tools do; tests do not change it."""
    return read_config(path)


def leaf(stem):
    [path] = [path for path in LEAVES if path.stem == stem]
    return path


# --- names ----------------------------------------------------------------------------------------


class Name(NamedTuple):
    """{algorithm}_{backbone}_{setting}_{schedule}_{dataset}-{size}, some of the first absent."""

    words: frozenset[str]  # of algorithm, backbone and setting
    batch_size: int | None
    length: str | None  # 5e are epochs, 30k iterations
    dataset: str
    size: tuple[int, int] | None  # full: images as they are


def parse(stem):
    *fields, last = stem.split('_')
    found = re.fullmatch(r'(\w+)-(?:(\d+)x(\d+)|full)', last)
    assert found, f'{stem} must end in DATASET-HEIGHTxWIDTH or DATASET-full'
    schedules = [re.fullmatch(r'\d+xb(\d+)-(\d+[ek])', field) for field in fields]
    words = {w for f, m in zip(fields, schedules, strict=True) if not m for w in f.split('-')}
    batch, length = next((m.groups() for m in schedules if m), (None, None))
    size = (int(found[2]), int(found[3])) if found[2] else None
    return Name(frozenset(words), batch and int(batch), length, found[1], size)


def test_name_parser():
    assert parse('irn_r50_qa-clims-official_2xb16-3e_voc12aug-512x448') == Name(
        frozenset({'irn', 'r50', 'qa', 'clims', 'official'}), 16, '3e', 'voc12aug', (512, 448)
    )
    assert parse('blip-vqa-base_fg6-bg10_voc12aug-480x480').batch_size is None
    assert parse('deeplabv2_r101_1xb5-30k_voc12aug-full')[2:] == ('30k', 'voc12aug', None)
    with pytest.raises(AssertionError, match='must end in'):
        parse('cam_r50_voc12aug')


def test_there_are_configs():
    assert len(LEAVES) >= 15
    assert len({path.stem for path in LEAVES}) == len(LEAVES), 'two leaves share a work dir'


def model_of(cfg):
    """Return the config's model; the stage ir_label has none."""
    return cfg.get('model') or ConfigDict(type=None)


def is_judged_on_val(name, cfg):
    return model_of(cfg).type in SEGMENTORS or 'val' in name.words


def pipelines(cfg):
    loaders = [cfg.get(f'{split}_dataloader') for split in ('train', 'val', 'test')]
    return [loader.dataset.pipeline for loader in loaders if loader]


def transforms(cfg, kind):
    return [step for steps in pipelines(cfg) for step in steps if step.type == kind]


@each_leaf
def test_name_tells_batch_size_and_length(path):
    name, cfg = parse(path.stem), load(path)
    trains = 'optim_wrapper' in cfg
    assert trains == (name.batch_size is not None)
    if trains:
        assert cfg.train_dataloader.batch_size == name.batch_size
        ranks = int(re.search(r'_(\d+)xb', path.stem)[1])
        assert cfg.auto_scale_lr.base_batch_size == ranks * name.batch_size
        last = cfg.param_scheduler[-1]
        if name.length.endswith('e'):
            assert cfg.train_cfg.max_epochs == last.end == int(name.length[:-1])
        else:
            assert cfg.train_cfg.max_iters == last.end == 1000 * int(name.length[:-1])
            assert not last.by_epoch
            assert not cfg.default_hooks.checkpoint.by_epoch
            assert cfg.train_cfg.max_iters % cfg.default_hooks.checkpoint.interval == 0


@each_leaf
def test_name_tells_the_dataset(path):
    name, cfg = parse(path.stem), load(path)
    trained, judged, val = LISTS[name.dataset]
    tested = Path(cfg.test_dataloader.dataset.ann_file).name
    if is_judged_on_val(name, cfg):
        assert tested == ('test.txt' if 'server' in name.words else val)
    elif 'export' in name.words or (name.length is None and model_of(cfg).type not in COMPARED):
        assert tested == trained
    else:
        assert tested == judged
    if name.length is not None:
        assert Path(cfg.train_dataloader.dataset.ann_file).name == trained
        # nothing of another data set is left below
        splits = [s for s in ('train', 'val', 'test') if cfg.get(f'{s}_dataloader')]
        kinds = {cfg[f'{split}_dataloader'].dataset.type for split in splits}
        assert len(kinds) == 1


@each_leaf
def test_name_tells_the_size(path):
    name, cfg = parse(path.stem), load(path)
    if name.dataset == 'miniworld':  # its pictures are drawn at this size, so nothing is resized
        assert not transforms(cfg, 'RandomCropPad')
        return
    if 'vqa' in model_of(cfg):
        side = model_of(cfg).vqa.get('image_size')
        assert name.size == (side and (side, side))
        return
    if model_of(cfg).type in UNTRAINED:
        assert (model_of(cfg).image_head.image_size,) * 2 == name.size
        return
    if name.size is None:
        assert 'train_dataloader' not in cfg or not cfg.get('optim_wrapper')
        return
    if model_of(cfg).type in SEGMENTORS:
        [crop] = transforms(cfg, 'RandomCrop')
        assert tuple(crop.crop_size) == name.size
    else:
        [crop] = transforms(cfg, 'RandomCropPad')
        assert crop.size in (name.size, name.size[0])
    assert tuple(model_of(cfg).data_preprocessor.size) == name.size


@each_leaf
def test_name_tells_the_networks(path):
    name, cfg = parse(path.stem), load(path)
    depths = {int(w[1:]) for w in name.words if re.fullmatch(r'r\d+', w)}
    assert depths == (
        {model_of(cfg).backbone.depth} if 'depth' in model_of(cfg).get('backbone', {}) else set()
    )
    clip = model_of(cfg).get('image_head')
    assert bool(name.words & {'clip', 'siglip'}) == (clip is not None)
    if clip and clip.type == 'HFImageHead':
        assert cfg.text_encoding.text_head == dict(type='HFTextHead', model=clip.model)
    elif clip:
        assert ('mask' in name.words) == (clip.get('mask_prompt') is not None)
        plain = re.sub(r'\W', '', clip.model).lower()
        if name.dataset != 'miniworld':
            [kind] = [w for w in name.words if w.startswith('vit')]
            assert kind in plain
            assert clip.model in open_clip.list_models()
            # OpenAI's weights and those adapted from them were trained with it
            assert plain.endswith('quickgelu')
        text_head = model_of(cfg).get('text_head') or cfg.text_encoding.text_head
        assert text_head.model == clip.model
        assert text_head.get('pretrained') == clip.get('pretrained')


@each_leaf
def test_number_of_classes_is_that_of_the_dataset(path):
    cfg = load(path)
    classes = DATASETS.get(cfg.test_dataloader.dataset.type).METAINFO['classes']
    numbers = []
    if 'class_names' in model_of(cfg):
        assert tuple(model_of(cfg).class_names) == tuple(classes[1:])
    if 'cam_head' in model_of(cfg):
        numbers.append(model_of(cfg).cam_head.num_classes)
    if 'decode_head' in model_of(cfg):
        heads = [cfg.model.get(h) for h in ('decode_head', 'auxiliary_head')]
        numbers += [head.num_classes - 1 for head in heads if head]
    assert set(numbers) <= {len(classes) - 1}


# --- structure ------------------------------------------------------------------------------------


def bases(path):
    return [path.parent / name for name in Config._get_base_files(str(path))]


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


def without_weights(node):
    """Return a copy of a config that reads no weights."""
    if isinstance(node, dict):
        return {
            k: without_weights(v) for k, v in node.items() if k not in ('init_cfg', 'pretrained')
        }
    return [without_weights(v) for v in node] if isinstance(node, (list, tuple)) else node


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


# --- folders --------------------------------------------------------------------------------------

# {evaluator: what it writes into the work dir}
OUTPUTS = dict(
    CAMWriter='cams',
    CorpusWriter='corpus',
    PseudoMaskWriter='pseudo_masks',
    SegMaskWriter='predictions',
)
# what follows the name of a training in that of its test
TESTED = ('_maps', '_masks', '_test')


def outputs(cfg):
    """Return what a config's runs make that other stages read."""
    given = cfg.get('test_evaluator') or []
    given = given if isinstance(given, list) else given.get('metrics', [given])
    evaluators = [e.type for e in given]
    # in a plan the test of a training is a stage of its own, the export of maps too
    places = ['', *TESTED]
    made = {f'{cfg.work_dir}{p}/{OUTPUTS[e]}' for e in evaluators if e in OUTPUTS for p in places}
    if (cfg.get('train_cfg') or {}).get('max_epochs'):
        made.add(f'{cfg.work_dir}/epoch_{cfg.train_cfg.max_epochs}.pth')
    if 'text_encoding' in cfg:
        made.add(cfg.model.text_bank)
    if 'ir_label' in cfg:
        made.add(f'{cfg.work_dir}/{IR_LABELS}')
    return made


def run_of(path):
    """Return to which run a leaf belongs: a run has a root of its own."""
    stem = Path(path).stem
    preset = next((p for p in ('official', 'strong') if p in stem), 'paper')
    return next(d for d in ('voc12', 'coco14', 'miniworld') if d in stem), preset


def test_no_two_leaves_of_a_run_write_to_one_place():
    owner, banks = {}, {}
    for path in LEAVES:
        cfg = load(path)
        place = *run_of(path), cfg.work_dir
        assert owner.setdefault(place, path) == path, f'{path} and {owner[place]}: {place}'
        # a text bank may be shared by leaves that make it alike
        if 'text_encoding' in cfg:
            bank = *run_of(path), cfg.model.text_bank
            assert banks.setdefault(bank, cfg.text_encoding.to_dict()) == cfg.text_encoding, path
    assert len(owner) == len(LEAVES)


@each_leaf
def test_inputs_are_the_outputs_of_other_leaves(path):
    made = set().union(*(outputs(load(other)) for other in LEAVES))
    cfg = load(path)
    wanted = {cfg.load_from} if cfg.get('load_from') else set()
    if 'text_encoding' in cfg:
        rows = transforms(cfg, 'LoadTextRows')
        wanted |= {cfg.text_encoding.corpus, model_of(cfg).text_bank, *(r.text_bank for r in rows)}
    wanted |= {step.masks for step in transforms(cfg, 'LoadMask') if 'masks' in step}
    wanted |= {step.cams for step in transforms(cfg, 'LoadCAMs')}
    wanted |= {step.corpus for step in transforms(cfg, 'LoadAnswers')}
    wanted |= {cfg.ir_label.cams} if 'ir_label' in cfg else set()
    assert wanted <= made


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


# --- presets --------------------------------------------------------------------------------------


def flat(node, prefix=''):
    if isinstance(node, dict):
        return {k: v for key, x in node.items() for k, v in flat(x, f'{prefix}{key}.').items()}
    if isinstance(node, (list, tuple)):
        return {k: v for i, x in enumerate(node) for k, v in flat(x, f'{prefix}{i}.').items()}
    return {prefix[:-1]: node}


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
STRUCTURE = (
    'model',
    'text_encoding',
    'optim_wrapper',
    'param_scheduler',
    'train_',
    'test_',
    'load_from',
)


@pytest.mark.parametrize('stem', PRESETS, ids=lambda stem: stem.split('_')[0])
def test_presets_differ_in_the_listed_values_alone(stem):
    enable_mmseg_bases()
    suffix = '_official' if stem.startswith('cam') else '-official'
    paper, official = (
        flat(Config.fromfile(leaf(stem.format(preset))).to_dict()) for preset in ('', suffix)
    )
    differ = {
        key: (paper.get(key), official.get(key))
        for key in {*paper, *official}
        if paper.get(key) != official.get(key) and key.startswith(STRUCTURE)
    }
    for key in INPUTS:
        if key in differ:
            differ.pop(key)
    assert differ == PRESETS[stem]


def test_swapping_takes_few_lines():
    for words, lines in (('r50_clip-vitb16', 8), ('r101_clip-vitl14-mask', 4)):
        path = leaf(f'qa-clims_{words}_2xb4-15e_voc12aug-512x512')
        assert len(path.read_text().splitlines()) <= lines


# --- the paper's and the released numbers ---------------------------------------------------------


@pytest.mark.parametrize('preset', ['', '-official'])
def test_numbers_of_section_4_1(preset):
    cfg = load(leaf(RITC.format(preset)))
    model = cfg.model
    weights = [model[f'loss_{name}'].loss_weight for name in ('frc', 'brc', 'reg')]
    assert weights == [10, 8, 0.2]
    assert model.loss_frc.temperature == model.loss_brc.temperature == 0.7
    assert model.threshold.omega == 0.1
    assert model.get('reference_batch_size', 4) == 4
    assert cfg.optim_wrapper.optimizer.lr == 3.5e-4
    assert cfg.optim_wrapper.optimizer.weight_decay == 1e-4
    assert cfg.optim_wrapper.paramwise_cfg.custom_keys.cam_head.lr_mult == 10
    assert [s.power for s in cfg.param_scheduler] == [0.9]
    [resize] = transforms(cfg, 'RandomResizeLongSide')
    assert (resize.min_side, resize.max_side) == (320, 640)
    [pack] = [s for s in cfg.test_dataloader.dataset.pipeline if s.type == 'PackWeakInputs']
    assert tuple(pack.scales) == (1, 0.5, 1.5, 2)


CLIMS = 'clims_r50_clip-vitb32_{}-512x512'
CLIMS_VOC, CLIMS_COCO = CLIMS.format('1xb16-15e_voc12aug'), CLIMS.format('2xb16-8e_coco14')


@pytest.mark.parametrize(
    ('stem', 'weights', 'threshold', 'texts', 'lr'),
    [
        (CLIMS_VOC, [10, 24, 1, 0.2], 0.26, 10, 2.5e-4),
        (CLIMS_COCO, [2, 14, 1.25, 0.2], 0.285, 88, 5e-4),
    ],
)
def test_numbers_of_the_released_clims(stem, weights, threshold, texts, lr):
    """README and run_sample.py of CVI-SZU/CLIMS; clip_utils.py has the texts."""
    cfg = load(leaf(stem))
    model = cfg.model
    assert [model[f'loss_{n}'].loss_weight for n in ('otm', 'btm', 'cbs', 'reg')] == weights
    assert model.loss_cbs.threshold == threshold
    assert model.reference_batch_size == cfg.train_dataloader.batch_size == 16
    assert (model.activation, model.image_head.norm) == ('relu', 'imagenet')
    assert model.prompt == 'a photo of {text}.'
    assert model.class_texts == dict(person='player')
    assert len(set(model.background_texts)) == texts
    assert cfg.optim_wrapper.optimizer == dict(type='SGD', lr=lr, momentum=1e-4, weight_decay=1e-4)
    assert [s.power for s in cfg.param_scheduler] == [0.9]
    [resize] = transforms(cfg, 'RandomResizeLongSide')
    assert (resize.min_side, resize.max_side) == (320, 640)
    [pack] = [s for s in cfg.test_dataloader.dataset.pipeline if s.type == 'PackWeakInputs']
    assert tuple(pack.scales) == (1, 0.5, 1.5, 2)


def test_miniworld_compares_clims_with_qa_clims():
    """They differ in the model and in the corpus; CLIMS knows the world's rule, not the picture."""
    clims, ours = (
        load(leaf(f'{stem}_1xb16-5e_miniworld-112x112'))
        for stem in ('clims_r18-mini_clip-mini', 'qa-clims_r18-mini_clip-mini-mask')
    )
    for key in ('train_cfg', 'param_scheduler', 'optim_wrapper', 'load_from', 'test_dataloader'):
        assert clims.get(key) == ours.get(key)
    assert clims.model.backbone == ours.model.backbone
    scenes = {name: SCENE_FACTS[facts.scene] for name, facts in CLASS_FACTS.items()}
    assert clims.model.background_texts == {
        name: [*scene.names, scene.under] for name, scene in scenes.items()
    }


def learning(stem):
    """Return {parameter: learning rate at the start}, and the BN whose statistics move."""
    cfg = load(leaf(stem))
    model = MODELS.build(without_weights(cfg.model.to_dict()))
    model.train()
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper.to_dict())
    rate = {id(p): g['lr'] for g in wrapper.optimizer.param_groups for p in g['params']}
    rates = {n: rate[id(p)] if p.requires_grad else 0 for n, p in model.named_parameters()}
    moving = {n for n, m in model.named_modules() if 'running_mean' in m._buffers and m.training}
    return rates, moving


@pytest.mark.parametrize(
    ('stem', 'lr', 'held', 'all_bn_held', 'stem_bn_held'),
    [
        ('cam_r50_2xb8-5e_voc12aug-512x512', 0.1, ('conv1', 'bn1', 'layer1', 'layer2'), True, True),
        ('cam_r50_official_2xb8-5e_voc12aug-512x512', 0.1, ('conv1', 'bn1'), True, True),
        (RITC.format(''), 3.5e-4, ('conv1', 'bn1'), False, True),
        (RITC.format('-official'), 3.5e-4, ('conv1', 'bn1'), False, False),
        (CLIMS_VOC, 2.5e-4, ('conv1', 'bn1'), False, False),
    ],
)
def test_what_trains(stem, lr, held, all_bn_held, stem_bn_held):
    rates, moving = learning(stem)
    for name, rate in rates.items():
        part = name.split('.')
        expected = 10 * lr if part[0] == 'cam_head' else 0 if part[1] in held else lr
        assert rate == pytest.approx(expected), name
    assert (not moving) == all_bn_held
    assert ('backbone.bn1' not in moving) == stem_bn_held


@pytest.mark.parametrize(
    'name',
    ['convnext-t', 'swin-t', 'convnextv2-t', 'dinov2-s14', 'dinov3-s16', 'efficientnet-lite0'],
)
def test_other_backbones_are_trained(name):
    cfg = load(CONFIGS / f'cam/cam_{name}_2xb8-5e_voc12aug-512x512.py')
    model = MODELS.build(without_weights(cfg.model.to_dict())).train()
    sample = SegDataSample()
    sample.set_field(torch.eye(20)[3], 'image_labels')
    losses = model(torch.rand(1, 3, 64, 64), [sample], mode='loss')
    sum(losses.values()).backward()
    # every stage learns, from the first layer on that is not frozen
    grads = [p.grad for p in model.backbone.parameters() if p.requires_grad]
    assert all(g is not None and torch.isfinite(g).all() for g in grads)
    assert grads[0].abs().sum() > 0
    assert cfg.optim_wrapper.optimizer.type == 'AdamW'
