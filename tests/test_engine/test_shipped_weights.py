import pytest
import torch
from mmengine.config import Config
from mmengine.runner import CheckpointLoader
from shipped_configs import CONFIGS

from qaclims_mm.registry import MODELS

BACKBONE = 'miniworld://backbone/r18-mini.safetensors'


def test_config_starts_from_the_shipped_backbone():
    model = MODELS.build(Config.fromfile(CONFIGS / '_base_/models/cam_r18-mini.py').model)
    model.init_weights()
    shipped = CheckpointLoader.load_checkpoint(BACKBONE, map_location='cpu')['state_dict']
    state = model.backbone.state_dict()
    assert state.keys() == shipped.keys()
    for name, value in shipped.items():
        torch.testing.assert_close(state[name], value.to(state[name].dtype))


def test_what_does_not_ship():
    with pytest.raises(FileNotFoundError, match=r'miniworld://backbone/r50.*is not there; make it'):
        CheckpointLoader.load_checkpoint('miniworld://backbone/r50.safetensors')
