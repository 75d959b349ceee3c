import pytest
from helpers import TINY_LABELS
from mmengine.config import Config
from real_photographs import class_of, labels_of, read_list
from shipped_configs import CONFIGS, each_leaf, leaf, load
from tiny_runs import write_tiny_config

from qaclims_mm.checks.configs import check_configs, find_data_sets
from qaclims_mm.checks.weights import find_weights
from qaclims_mm.workflow.plans import read_configs

ROOT = CONFIGS.parent
VOC_CAM = 'cam_r50_2xb8-5e_voc12aug-512x512'
COCO_SEGMENT = 'deeplabv2_r101_qa-clims-irn_1xb10-100k_coco14-321x321'


# --- what configs want ----------------------------------------------------------------------------


def dataset(ann_file, *steps, **options):
    pipeline = [dict(type=s) if isinstance(s, str) else s for s in steps]
    return dict(type='VOC12WeakDataset', ann_file=ann_file, pipeline=pipeline, **options)


def config(train=None, test=None, **more):
    loaders = dict(train_dataloader=train, test_dataloader=test)
    return Config({k: dict(dataset=v) if v else None for k, v in loaders.items()} | more)


def found_in(*configs, **options):
    return [(d.options['ann_file'], d.masks) for d in find_data_sets(configs, **options)]


def test_each_data_set_once():
    first = config(dataset('a', 'LoadRGBImage'), dataset('b', 'LoadMask'), optim_wrapper=dict(x=1))
    again = config(dataset('b', 'LoadRGBImage', indices=3, strict=True), dataset('a', 'LoadMask'))
    assert found_in(first) == [('a', False), ('b', True)]
    assert found_in(first, config(test=again.test_dataloader.dataset)) == [('a', True), ('b', True)]
    assert found_in(config(test=dataset('b', labelled=False)), again) == [('b', False), ('a', True)]


def test_training_set_of_a_config_that_does_not_train():
    assert found_in(config(dataset('a'), dataset('b'))) == [('b', False)]


def test_data_root_replaces_all():
    sets = [dataset('a'), dataset('b', data_root='x')]
    configs = [config(test=s) for s in sets]
    found = find_data_sets(configs, 'there')
    assert [d.options['data_root'] for d in found] == ['there', 'there']


def test_wrappers_of_mmengine():
    inner = [dataset('a', 'LoadMask'), dict(type='RepeatDataset', times=2, dataset=dataset('b'))]
    cfg = config(test=dict(type='ConcatDataset', datasets=inner))
    assert found_in(cfg) == [('a', True), ('b', False)]


@pytest.mark.parametrize(
    ('step', 'reads'),
    [
        (dict(type='LoadMask'), True),
        (dict(type='mmseg.LoadMask'), True),
        (dict(type='LoadMask', masks='pseudo'), False),
        (dict(type='LoadMask', optional=True), False),
        (
            dict(type='TestTimeAug', transforms=[[dict(type='Resize')], [dict(type='LoadMask')]]),
            True,
        ),
        (dict(type='LoadCAMs'), False),
    ],
)
def test_masks_are_those_that_no_stage_made(step, reads):
    assert found_in(config(test=dataset('a', step))) == [('a', reads)]


@each_leaf
def test_every_shipped_config(path):
    sets = find_data_sets([load(path)])
    # one for each of the loaders of train, val and test, fewer where they read the same
    assert 1 <= len(sets) <= 3
    report = check_configs([load(path)], data_root='/absent')
    assert {p.what for p in report.problems} <= {'data set', 'list', 'weights'}
    for problem in report.problems:
        assert problem.mend
        assert '{' not in problem.mend


# --- files ----------------------------------------------------------------------------------------


def test_stage(tmp_path, voc):
    path = write_tiny_config(tmp_path / 'cam.py', voc)
    report = check_configs(read_configs(path), full=True)
    assert report.problems == []
    assert [(s.name, s.images, s.missing) for s in report.sets] == [
        ('train.txt', len(TINY_LABELS), dict(images=0, masks=0))
    ]


def test_options_of_a_stage(tmp_path, voc):
    path = write_tiny_config(tmp_path / 'cam.py', voc)
    options = {'test_dataloader.dataset.ann_file': 'val.txt'}
    found = check_configs(read_configs(path, options))
    assert [p.where for p in found.problems] == [f'{voc}/val.txt is missing']


def test_data_sets_of_a_pipeline(monkeypatch):
    monkeypatch.chdir(ROOT)
    configs = read_configs('configs/pipelines/voc12_qa-clims.py')
    assert len(configs) == 8
    assert [(d.options['ann_file'].split('/')[-1], d.masks) for d in find_data_sets(configs)] == [
        ('trainaug.txt', False),
        ('train.txt', True),
        ('val.txt', True),
    ]
    assert [w.name.split('/')[-1] for w in find_weights(configs)] == [
        'blip-vqa-base',
        'resnet50',
        'clip_vitl14_mask-prompt.safetensors',
        'clip_vitl14_mask-adapted.safetensors',
        'resnet101_caffe',
    ]


def test_problems_of_a_pipeline_stand_once(monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    configs = read_configs('configs/pipelines/miniworld_qa-clims.py')
    report = check_configs(configs, str(tmp_path / 'absent'))
    assert len(report.sets) == 2
    assert [p.mend for p in report.problems] == [f'qaclims make-miniworld --root {tmp_path}/absent']


@each_leaf
def test_no_stage_is_taken_for_a_pipeline(path):
    assert len(read_configs(path)) == 1


# --- real photographs -----------------------------------------------------------------------------


@pytest.mark.realdata
def test_real_voc(realdata_dir):
    root = realdata_dir / 'VOCdevkit/VOC2012'
    found = check_configs([load(leaf(VOC_CAM))], str(root), full=True)
    # XML files are what it lacks; labels are in image_labels.csv
    used = [read_list(root, name) for name in ('trainaug', 'train')]
    assert [(p.what, p.where.splitlines()[0]) for p in found.problems] == [
        ('labels', f'{root}: {len(ids)} records have no usable labels:') for ids in used
    ]
    assert [s.missing for s in found.sets] == [dict(images=0), dict(images=0, masks=0)]
    options = {
        f'{split}_dataloader.dataset.labels_file': 'image_labels.csv' for split in ('train', 'test')
    }
    found = check_configs(read_configs(leaf(VOC_CAM), options), str(root), full=True)
    assert found.problems == []
    assert [s.images for s in found.sets] == [len(ids) for ids in used]
    for one, ids in zip(found.sets, used, strict=True):
        known = [label for image in ids for label in labels_of(root)[image]]
        assert one.labels == {class_of(label): known.count(label) for label in known}


@pytest.mark.realdata
def test_real_coco(realdata_dir):
    root = realdata_dir / 'COCO2014'
    found = check_configs([load(leaf(COCO_SEGMENT))], str(root))
    assert [p.where for p in found.problems] == [
        f'{root}/image_labels/{split}2014.csv is missing' for split in ('train', 'val')
    ]
    options = {
        f'{a}_dataloader.dataset.ann_file': f'annotations/instances_{b}2014.json'
        for a, b in (('train', 'train'), ('val', 'val'), ('test', 'val'))
    }
    found = check_configs(read_configs(leaf(COCO_SEGMENT), options), str(root), full=True)
    assert found.problems == []
    assert [s.missing for s in found.sets] == [dict(images=0), dict(images=0, masks=0)]
