"""A segmentor of a few weights, trained and tested by the tools as a shipped config is."""

import json
import zipfile

import pytest
from helpers import make_tiny_voc
from shipped_configs import CONFIGS
from tool_runs import run_tool

from qaclims_mm.models.segmentors.deeplab_v2 import DeepLabV2
from qaclims_mm.schemas import Manifest

CONFIG = """
_base_ = [
    '{configs}/_base_/plugin.py',
    '{configs}/_base_/runtime_iters.py',
    '{configs}/_base_/datasets/voc12_segment.py',
    '{configs}/_base_/models/deeplabv2_r101.py',
    '{configs}/_base_/schedules/segment-sgd-30k.py',
]
data = dict(data_root='{root}', ann_file='train.txt')
model = dict(
    data_preprocessor=dict(size=(24, 24)),
    backbone=dict(depth=18, style='pytorch', base_channels=8, stem_channels=8),
    decode_head=dict(
        in_channels=64, loss_decode=dict(_delete_=True, type='BalancedCrossEntropyLoss')
    ),
)
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        **data,
        pipeline=[
            dict(type='LoadBGRImage'),
            dict(type='LoadMask', masks='{root}/SegmentationClass'),
            dict(
                type='RandomChoice',
                transforms=[
                    [dict(type='Resize', scale_factor=s, keep_ratio=True)] for s in (0.5, 1.0, 1.5)
                ],
            ),
            dict(type='RandomCrop', crop_size=(24, 24)),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PhotoMetricDistortion'),
            dict(type='PackSegInputs'),
        ],
    ),
)
test_dataloader = dict(num_workers=0, dataset=data)
train_cfg = dict(max_iters=3)
default_hooks = dict(checkpoint=dict(interval=3))
"""
SERVER = """
_base_ = './segmentor.py'
test_dataloader = dict(
    dataset=dict(
        labelled=False,
        pipeline=[
            dict(type='LoadBGRImage'),
            dict(
                type='PackSegInputs',
                meta_keys=('image_id', 'img_path', 'ori_shape', 'img_shape', 'pad_shape'),
            ),
        ],
    )
)
test_evaluator = [
    dict(type='SegMaskWriter', zip_folder='results')
]
"""
LENIENT = """
test_dataloader['dataset']['strict'] = False
"""


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp('segment')
    make_tiny_voc(root / 'voc')
    text = CONFIG.replace('{configs}', str(CONFIGS)).replace('{root}', str(root / 'voc'))
    (root / 'segmentor.py').write_text(text)
    (root / 'server.py').write_text(SERVER)
    return root


@pytest.fixture(scope='module')
def trained(folder):
    class Silent:
        @staticmethod
        def readouterr():
            return ('',)

    done = run_tool('train', folder / 'segmentor.py', '--work-dir', folder / 'w', capsys=Silent)
    assert done.status == 0
    return folder / 'w/iter_3.pth'


def test_scores_of_one_scale_and_of_many(folder, trained, capsys, monkeypatch):
    scores, sizes = {}, {'one': [], 'tta': []}
    encode = DeepLabV2.encode_decode

    def counted(model, inputs, metas):
        sizes[name].append(tuple(inputs.shape[-2:]))
        return encode(model, inputs, metas)

    monkeypatch.setattr(DeepLabV2, 'encode_decode', counted)
    for name, flags in (('one', ()), ('tta', ('--tta',))):
        work = folder / name
        done = run_tool(
            'test', folder / 'segmentor.py', trained, '--work-dir', work, *flags, capsys=capsys
        )
        assert done.status == 0, done.text
        scores[name] = json.loads((work / 'metrics.json').read_text())[name]
    for values in scores.values():
        assert {'seg/mIoU', 'seg/aAcc'} <= set(values)
        assert all(0 <= v <= 100 for v in values.values())
    # four images; six scales and their mirror images
    assert sizes['one'] == 4 * [(32, 40)]
    assert len(sizes['tta']) == 4 * 12
    assert {height for height, _ in sizes['tta']} == {16, 24, 32, 40, 48, 56}


def test_config_without_a_tta_pipeline(folder, trained, capsys):
    plain = folder / 'plain.py'
    plain.write_text("_base_ = './segmentor.py'\ntta_pipeline = None\ntta_model = None\n")
    done = run_tool('test', plain, trained, '--work-dir', folder / 'x', '--tta', capsys=capsys)
    assert done.status == 1
    assert 'has no tta_pipeline and tta_model; run without --tta.' in done.text


def test_zip_file_for_the_server(folder, trained, capsys):
    work = folder / 'server'
    done = run_tool('test', folder / 'server.py', trained, '--work-dir', work, capsys=capsys)
    assert done.status == 0, done.text
    with zipfile.ZipFile(work / 'predictions.zip') as archive:
        assert archive.namelist() == [f'results/img_{i}.png' for i in range(4)]


@pytest.mark.parametrize('flags', [(), ('--tta',)])
def test_a_broken_image_is_listed_and_the_test_goes_on(folder, trained, capsys, flags):
    make_tiny_voc(folder / 'cut')
    path = folder / 'cut/JPEGImages/img_2.jpg'
    path.write_bytes(path.read_bytes()[:200])
    for name in ('segmentor', 'server'):
        text = (folder / f'{name}.py').read_text()
        text = text.replace(str(folder / 'voc'), str(folder / 'cut'))
        text = text.replace('./segmentor', './cut_segmentor') + LENIENT
        (folder / f'cut_{name}.py').write_text(text)
    work = folder / f'cut{len(flags)}'
    scored = folder / 'cut_segmentor.py'
    done = run_tool('test', scored, trained, '--work-dir', work, *flags, capsys=capsys)
    assert done.status == 3, done.text
    assert 'img_2: ' in done.text
    assert 0 <= json.loads((work / 'metrics.json').read_text())[work.name]['seg/mIoU'] <= 100
    if not flags:
        server = folder / 'cut_server.py'
        done = run_tool('test', server, trained, '--work-dir', work / 's', capsys=capsys)
        assert done.status == 3, done.text
        manifest = Manifest.read(work / 's/predictions')
        assert [image_id for image_id, _ in manifest.failed] == ['img_2']
        assert len(list((work / 's/predictions').glob('*.png'))) == 3


def test_a_missing_pseudo_mask_is_listed_and_the_training_goes_on(folder, capsys):
    broken = folder / 'broken.py'
    gone = folder / 'masks'
    make_tiny_voc(folder / 'other')
    (folder / 'other/SegmentationClass').rename(gone)
    (gone / 'img_2.png').unlink()
    text = (folder / 'segmentor.py').read_text()
    broken.write_text(text.replace(f'{folder}/voc/SegmentationClass', str(gone)))
    done = run_tool('train', broken, '--work-dir', folder / 'b', capsys=capsys)
    assert done.status == 3
    assert f'img_2: mask {gone}/img_2.png of image img_2 is missing' in done.text
    assert f'run the stage that fills {gone}' in done.text
    done = run_tool('train', broken, '--work-dir', folder / 'c', '--strict', capsys=capsys)
    assert done.status == 1
    assert done.text.rstrip().endswith(f'run the stage that fills {gone}')
