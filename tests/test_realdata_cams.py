"""CAMs of real photographs, trained from the ImageNet weights that the package index has."""

import importlib.util

import numpy as np
import pytest
import torch
from PIL import Image
from tool_runs import run_tool

from qaclims_mm.convert.efficientnet import PACKAGE, convert_efficientnet_lite0
from qaclims_mm.paths import config_path
from qaclims_mm.schemas import read_json

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(
        importlib.util.find_spec(PACKAGE) is None, reason='needs pip install qaclims_mm[photo]'
    ),
]
CONFIG = config_path('cam/cam_efficientnet-lite0_2xb8-5e_voc12aug-512x512.py')
SIZE, BATCH, STEPS = 224, 8, 40
LEAF = """
_base_ = {base!r}
data = dict(data_root={voc!r}, labels_file='image_labels.csv', ann_file={ids!r})
# 44 photographs are too few to train more than the head
frozen = ('.*',)
model = dict(
    data_preprocessor=dict(size=({size}, {size})),
    backbone=dict(frozen=frozen, init_cfg={init_cfg}),
)
train_dataloader = dict(
    batch_size={batch}, num_workers=0, persistent_workers=False,
    dataset=dict(
        **data,
        pipeline=[
            dict(type='LoadRGBImage', max_side={size}),
            dict(type='RandomFlip', prob=0.5),
            dict(type='RandomCropPad', size={size}),
            dict(type='PackWeakInputs'),
        ],
    ),
)
test_dataloader = dict(
    batch_size=1, num_workers=0,
    dataset=dict(
        **data,
        pipeline=[
            dict(type='LoadRGBImage', max_side={size}),
            dict(type='LoadMask'),
            dict(type='PackWeakInputs'),
        ],
    ),
)
train_cfg = dict(max_epochs={epochs})
param_scheduler = [
    dict(type='PolyLR', power=0.9, begin=0, end={epochs}, convert_to_iter_based=True)
]
optim_wrapper = dict(optimizer=dict(lr=1e-3))
test_evaluator = [dict(type='CAMMetric')]
randomness = dict(seed=0)
"""


@pytest.fixture(scope='module')
def voc(realdata_dir):
    return realdata_dir / 'VOCdevkit/VOC2012'


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    out = tmp_path_factory.mktemp('weights') / 'efficientnet-lite0.safetensors'
    assert convert_efficientnet_lite0(out) == dict(tensors=296)
    return out


def test_the_weights_know_imagenet(voc, weights):
    """The order of the tensors is the right one: photographs of one class are named alike."""
    timm = pytest.importorskip('timm')
    network = timm.create_model('tf_efficientnet_lite0', checkpoint_path=str(weights)).eval()
    rows = [r.split(',') for r in (voc / 'image_labels.csv').read_text().split()[1:]]
    # {class: where ImageNet has it}
    kinds = dict(
        dog=range(151, 269), cat=range(281, 286), bird=range(7, 147), sheep=(348, 349),
        horse=(339,), bicycle=(444, 671), motorbike=(665, 670, 671), bus=(654, 779, 874),
        car=(407, 436, 468, 511, 609, 627, 656, 661, 751, 817), train=(466, 547, 705, 820),
    )  # fmt: skip
    alone = [(image, kinds[label]) for image, label in rows if label in kinds]
    assert alone
    hits = 0
    for image, kind in alone:
        with Image.open(voc / f'JPEGImages/{image}.jpg') as photograph:
            pixels = np.asarray(photograph.convert('RGB').resize((224, 224)), np.float32)
        with torch.no_grad():
            scores = network(torch.from_numpy((pixels - 127) / 128).permute(2, 0, 1)[None])
        hits += scores.argmax().item() in kind
    # in another order hardly one is
    assert hits / len(alone) > 0.5


def train_and_judge(folder, voc, init_cfg, capsys):
    """Return the best mIoU of the maps of the photographs that a network was trained on."""
    ids = sorted(p.stem for p in (voc / 'SegmentationClass').glob('*.png'))
    folder.mkdir()
    (folder / 'list.txt').write_text('\n'.join(ids))
    epochs = -(-STEPS // (len(ids) // BATCH))
    text = LEAF.format(
        base=CONFIG, voc=str(voc), ids=str(folder / 'list.txt'), init_cfg=init_cfg,
        size=SIZE, batch=BATCH, epochs=epochs,
    )  # fmt: skip
    (folder / 'cam.py').write_text(text)
    work = ('--work-dir', folder / 'work')
    for tool, *more in (('train',), ('test', folder / f'work/epoch_{epochs}.pth')):
        done = run_tool(tool, folder / 'cam.py', *more, *work, capsys=capsys)
        assert done.status == 0, done.text
    return read_json(folder / 'work/metrics.json')['work']['cam/mIoU']


@pytest.mark.slow
def test_cams_are_better_than_those_of_random_weights(voc, weights, tmp_path, capsys):
    init_cfg = f'dict(checkpoint={str(weights)!r})'
    trained = train_and_judge(tmp_path / 'trained', voc, init_cfg, capsys)
    random = train_and_judge(tmp_path / 'random', voc, None, capsys)
    assert trained > 25
    assert trained > random + 15
