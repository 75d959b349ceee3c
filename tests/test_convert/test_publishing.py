import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from helpers import served
from mmengine.config import Config
from mmengine.runner import save_checkpoint
from mmseg.apis import inference_model, init_model
from safetensors import safe_open
from safetensors.torch import load_file

from qaclims_mm.convert.publishing import publish
from qaclims_mm.datasets.miniworld import MiniWorldDataset
from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.inference import CAMInferencer, Segmenter
from qaclims_mm.miniworld.generate import make_picture
from qaclims_mm.registry import MODELS

CLASSES = ('background', 'cat', '{texts}')
PALETTE = [[0, 0, 0], [9, 8, 7], [1, 2, 3]]
PLAIN = """
norm_cfg = dict(type='BN')
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(type='SegDataPreProcessor', bgr_to_rgb=True),
    backbone=dict(type='ResNet', depth=18, base_channels=8, num_stages=1, strides=(1,),
                  dilations=(1,), out_indices=(0,), norm_cfg=norm_cfg),
    decode_head=dict(type='FCNHead', in_channels=8, in_index=0, channels=4, num_classes=3,
                     norm_cfg=norm_cfg),
    test_cfg=dict(mode='whole'),
)
test_pipeline = [dict(type='LoadImageFromFile'), dict(type='PackSegInputs')]
"""
# What a user of plain mmseg does: arguments are config and weights, and perhaps our plugin.
IN_MMSEG = """
import importlib, json, sys
import numpy as np
for module in sys.argv[3:]:
    importlib.import_module(module)
from mmseg.apis import inference_model, init_model
model = init_model(*sys.argv[1:3], device='cpu')
found = inference_model(model, np.full((32, 40, 3), 99, np.uint8))
ours = any(name.startswith('qaclims_mm') for name in sys.modules)
labels = found.pred_sem_seg.data
print(json.dumps([model.dataset_meta, list(labels.shape), labels.sum().item(), ours]))
"""


def save(path, **state):
    torch.save(dict(state_dict=state, optimizer=dict(state={0: torch.ones(9)})), path)
    return path


def test_weights_alone_and_half_as_wide(tmp_path):
    weight, count = torch.rand(64, 64).T, torch.tensor(7)
    path = save(tmp_path / 'epoch_1.pth', weight=weight, count=count)
    size = publish(path, tmp_path / 'out/model.safetensors')
    state = load_file(tmp_path / 'out/model.safetensors')
    assert list(state) == ['count', 'weight']
    assert torch.equal(state['weight'], weight.half())
    assert torch.equal(state['count'], count)
    assert 64 * 64 * 2 < size < 64 * 64 * 2 + 400
    # what torch wrote without a state_dict around it, in full
    torch.save(dict(weight=weight), tmp_path / 'plain.pth')
    publish(tmp_path / 'plain.pth', tmp_path / 'full.safetensors', half=False)
    assert torch.equal(load_file(tmp_path / 'full.safetensors')['weight'], weight)
    with safe_open(tmp_path / 'full.safetensors', 'pt') as file:
        assert file.metadata() == {'format': 'pt', 'meta': '{}'}


def test_a_network_reads_it(tmp_path):
    config = 'configs/miniworld/cam_r18-mini_1xb16-3e_miniworld-112x112.py'
    inferencer = CAMInferencer(config, device='cpu')
    with torch.no_grad():
        next(inferencer.model.cam_head.parameters()).fill_(0.5)
    torch.save(inferencer.model.state_dict(), tmp_path / 'a.pth')
    publish(tmp_path / 'a.pth', tmp_path / 'a.safetensors')
    again = CAMInferencer(config, str(tmp_path / 'a.safetensors'), device='cpu')
    assert (next(again.model.cam_head.parameters()) == 0.5).all()


@pytest.mark.parametrize(
    ('name', 'state', 'out', 'message'),
    [
        ('gone.pth', None, 'a.safetensors', 'there is no checkpoint .*gone.pth'),
        (
            'a.pth',
            dict(weight=torch.ones(1)),
            'a.bin',
            'must end in .safetensors or .pth',
        ),
        ('a.pth', dict(epoch=3), 'a.safetensors', 'has no state_dict of weights'),
        ('a.pth', dict(w=torch.tensor([1e9])), 'a.safetensors', 'no finite numbers of 16 bits: w'),
    ],
)
def test_bad_input(tmp_path, name, state, out, message, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if state is not None:
        save(tmp_path / name, **state)
    kind = ConfigError if 'end in' in message else FormatError
    with pytest.raises(kind, match=message):
        publish(tmp_path / name, out)
    assert not (tmp_path / 'a.safetensors').exists()


def test_a_checkpoint_with_code_is_refused(tmp_path):
    torch.save(dict(state_dict=dict(w=print)), tmp_path / 'bad.pth')
    with pytest.raises(FormatError, match='cannot be loaded safely'):
        publish(tmp_path / 'bad.pth', tmp_path / 'a.safetensors')


@pytest.fixture
def trained(tmp_path):
    """Return a config of mmseg and what its training leaves."""
    (tmp_path / 'plain.py').write_text(PLAIN)
    model = MODELS.build(Config.fromfile(tmp_path / 'plain.py').model)
    torch.nn.init.normal_(model.decode_head.conv_seg.weight)
    meta = dict(dataset_meta=dict(classes=CLASSES, palette=PALETTE), cfg=PLAIN, seed=0)
    content = dict(state_dict=model.state_dict(), meta=meta, message_hub={}, optimizer={})
    save_checkpoint(content, str(tmp_path / 'epoch_1.pth'))
    return tmp_path / 'plain.py', tmp_path / 'epoch_1.pth'


@pytest.mark.parametrize('name', ['a.pth', 'a.safetensors'])
def test_plain_mmseg_loads_what_is_published(trained, tmp_path, name):
    config, checkpoint = trained
    publish(checkpoint, tmp_path / name)
    plugin = [] if name == 'a.pth' else ['qaclims_mm.plugin']
    answers = []
    for weights, modules in ((tmp_path / name, plugin), (checkpoint, [])):
        done = subprocess.run(
            [sys.executable, '-c', IN_MMSEG, config, weights, *modules],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answers.append(json.loads(done.stdout.splitlines()[-1]))
    meta, shape, total, ours = answers[0]
    assert meta == dict(classes=list(CLASSES), palette=PALETTE)
    assert shape == [1, 32, 40]
    assert ours == bool(plugin)
    # in half precision a pixel may change its class
    assert total == pytest.approx(answers[1][2], rel=0.05)


def test_what_ships_loads_in_mmseg():
    config = Config.fromfile(
        'configs/miniworld/deeplabv2_r18-mini_full_1xb16-10e_miniworld-112x112.py'
    )
    config.test_pipeline = [dict(type='LoadImageFromFile'), dict(type='PackSegInputs')]
    model = init_model(config, 'miniworld://segment/r18-mini.safetensors', device='cpu')
    wanted = MiniWorldDataset.METAINFO
    assert tuple(model.dataset_meta['classes']) == wanted['classes']
    assert model.dataset_meta['palette'] == wanted['palette']
    image = make_picture(seed=999, index=0, size=112)[1].image
    found = inference_model(model, np.ascontiguousarray(image[..., ::-1]))
    weights = 'miniworld://segment/r18-mini.safetensors'
    mask = Segmenter(config.filename, weights, device='cpu')(image)[0].mask
    assert np.array_equal(found.pred_sem_seg.data[0].numpy(), mask)
    assert len(np.unique(mask)) > 1


def test_names_of_checkpoints(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    publish('miniworld://segment/r18-mini.safetensors', tmp_path / 'a.pth')
    meta = torch.load(tmp_path / 'a.pth', weights_only=True)['meta']
    assert tuple(meta['dataset_meta']['classes']) == MiniWorldDataset.METAINFO['classes']
    with served(tmp_path) as (address, _):
        publish(f'{address}/epoch_1.pth', tmp_path / 'b.safetensors')
    assert (
        load_file(tmp_path / 'b.safetensors').keys() == torch.load(trained[1])['state_dict'].keys()
    )
