"""The released networks with the seeded weights of the goldens, under our names."""

import sys

from mmengine.config import Config
from shipped_configs import CONFIGS

from qaclims_mm.convert.networks import CAM_RULES
from qaclims_mm.convert.renaming import rename
from qaclims_mm.registry import MODELS


def official_state_dict(goldens_dir, model, monkeypatch):
    """Return the weights in the released checkpoint format."""
    monkeypatch.syspath_prepend(str(goldens_dir))
    from rebuild import official_state_dict

    monkeypatch.delitem(sys.modules, 'rebuild')
    return official_state_dict(model)


def cam_network_cfg(**changes):
    """Return the shipped ResNet-50 of RITC, without SyncBN and a crop."""
    cfg = Config.fromfile(CONFIGS / '_base_/models/ritc_r50_clip-vitl14-mask.py')
    cfg.merge_from_dict({f'model.{key}': value for key, value in changes.items()})
    cfg = cfg.model
    cfg.backbone.norm_cfg.type = 'BN'
    cfg.data_preprocessor.size = None
    # leaves name it
    cfg.text_bank = 'texts'
    return cfg


def build_with_released_weights(cfg, goldens_dir, monkeypatch):
    """Build a network of stage and head and fill it; every weight must be covered."""
    model = MODELS.build(cfg).eval()
    state = official_state_dict(goldens_dir, 'clims', monkeypatch)
    model.load_state_dict(rename(state, CAM_RULES, 'goldens').state)
    return model
