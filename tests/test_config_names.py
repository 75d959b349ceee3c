"""The name of a config says what is in it."""

import re
from pathlib import Path
from typing import NamedTuple

import open_clip
import pytest
from shipped_configs import SEGMENTORS, each_leaf, load, model_of, transforms

from qaclims_mm.registry import DATASETS

# {word of a name: the images it stands for, those whose maps are judged, and those of segmentors}
LISTS = {
    'voc12aug': ('trainaug.txt', 'train.txt', 'val.txt'),
    'coco14': ('train2014.csv', 'train2014.csv', 'val2014.csv'),
    'miniworld': ('train.txt', 'train.txt', 'val.txt'),
}
# maps of a frozen CLIP, which takes images at its own size
UNTRAINED = ('CLIPCAM', 'CLIPES')
# all whose maps are judged without a training
COMPARED = (*UNTRAINED, 'PromptedMasks')


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


def is_judged_on_val(name, cfg):
    return model_of(cfg).type in SEGMENTORS or 'val' in name.words


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
