import numpy as np
import pytest
import torch
from mmengine.config import Config
from released import official_state_dict
from shipped_configs import CONFIGS

from qaclims_mm.convert.renaming import rename
from qaclims_mm.convert.segmentors import WIDE_RESNET_RULES
from qaclims_mm.registry import MODELS

WR38 = CONFIGS / '_base_/models/deeplabv1_wr38.py'


@pytest.mark.goldens
def test_goldens(goldens_dir, monkeypatch):
    golden = np.load(goldens_dir / 'segmentors.npz')
    model = MODELS.build(Config.fromfile(WR38).model).eval()
    state = official_state_dict(goldens_dir, 'deeplabv1_wr38', monkeypatch)
    model.load_state_dict(rename(state, WIDE_RESNET_RULES, 'goldens').state)
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(124.22, abs=0.005)
    with torch.no_grad():
        images = torch.from_numpy(golden['x'])
        assert model.extract_feat(images)[0].shape[-2:] == (13, 17)
        logits = model.encode_decode(images, [dict(img_shape=(97, 129))])[..., ::4, ::4]
    wanted = torch.from_numpy(golden['v1'])
    assert (logits - wanted).abs().max() <= 1e-4 * wanted.abs().max()
