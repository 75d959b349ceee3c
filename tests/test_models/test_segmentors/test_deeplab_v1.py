import re

import numpy as np
import pytest
import torch
from mmengine.config import Config
from released import official_state_dict
from test_configs import CONFIGS

from qaclims_mm.registry import MODELS

WR38 = CONFIGS / '_base_/models/deeplabv1_wr38.py'
LAYERS = dict(
    bn_branch2a='norm1',
    conv_branch2a='conv1',
    bn_branch2b1='norm2',
    conv_branch2b1='conv2',
    bn_branch2b2='norm3',
    conv_branch2b2='conv3',
    conv_branch1='shortcut',
)
OTHERS = {
    'backbone.conv1a': 'backbone.stem',
    'backbone.bn7': 'backbone.norm',
    'conv_fov': 'decode_head.convs.0',
    'bn_fov': 'decode_head.convs.1',
    'conv_fov2': 'decode_head.convs.3',
    'bn_fov2': 'decode_head.convs.4',
    'cls_conv': 'decode_head.conv_seg',
}


def our_name(key):
    """Rename the codebase's weights: b4_2.conv_branch2a -> stages.2.2.conv1."""
    module, _, rest = key.rpartition('.')
    if module in OTHERS:
        return f'{OTHERS[module]}.{rest}'
    stage, block, layer = re.fullmatch(r'backbone\.b(\d)(?:_(\d))?\.(\w+)', module).groups()
    return f'backbone.stages.{int(stage) - 2}.{block or 0}.{LAYERS[layer]}.{rest}'


@pytest.mark.goldens
def test_goldens(goldens_dir, monkeypatch):
    golden = np.load(goldens_dir / 'segmentors.npz')
    model = MODELS.build(Config.fromfile(WR38).model).eval()
    state = official_state_dict(goldens_dir, 'deeplabv1_wr38', monkeypatch)
    model.load_state_dict({our_name(k): v for k, v in state.items()})
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(124.22, abs=0.005)
    with torch.no_grad():
        images = torch.from_numpy(golden['x'])
        assert model.extract_feat(images)[0].shape[-2:] == (13, 17)
        logits = model.encode_decode(images, [dict(img_shape=(97, 129))])[..., ::4, ::4]
    wanted = torch.from_numpy(golden['v1'])
    assert (logits - wanted).abs().max() <= 1e-4 * wanted.abs().max()
