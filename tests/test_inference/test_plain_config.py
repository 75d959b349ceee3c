import json

import pytest
from mmengine.registry import init_default_scope
from tiny_runs import ROOT

from qaclims_mm.engine.config import read_config
from qaclims_mm.errors import FormatError
from qaclims_mm.inference.plain_config import config_of_values
from qaclims_mm.registry import MODELS
from qaclims_mm.schemas import read_run_config, write_run_config

CONFIGS = [
    'zoo/segformer_mit-b0_qa-clims-irn_2xb8-30k_voc12aug-512x512',
    'zoo/upernet_swin-tiny_qa-clims-irn_2xb8-30k_voc12aug-512x512',
    'deeplabv1/deeplabv1_wr38_qa-clims-irn_1xb6-30k_voc12aug-512x512',
    'cam/cam_convnext-t_2xb8-5e_voc12aug-512x512',
    'cam/cam_efficientnet-lite0_2xb8-5e_voc12aug-512x512',
]


@pytest.mark.parametrize('name', CONFIGS)
def test_a_config_as_json_builds_the_same_network(tmp_path, name):
    init_default_scope('mmseg')
    cfg = read_config(str(ROOT / f'configs/{name}.py'))
    write_run_config(tmp_path, 'train', 'x.py', cfg.to_dict())
    values = read_run_config(tmp_path / 'train_config.json').values
    found = config_of_values(values, 'x')
    assert found.test_dataloader.dataset.metainfo.classes[1] == 'aeroplane'
    shapes = [
        {k: tuple(v.shape) for k, v in MODELS.build(c.model).state_dict().items()}
        for c in (found, cfg)
    ]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize('values', [{}, dict(model=3), dict(model={}, test_dataloader=[])])
def test_values_that_are_no_config(values):
    with pytest.raises(FormatError, match='x does not say how the network reads images'):
        config_of_values(json.loads(json.dumps(values)), 'x')


def test_classes_that_are_given():
    loader = dict(dataset=dict(type='VOC12WeakDataset', pipeline=[dict(type='LoadBGRImage')]))
    values = dict(model=dict(type='DeepLabV2'), test_dataloader=loader)
    found = config_of_values(values, 'x', ('background', '{texts}'))
    assert found.test_dataloader.dataset.metainfo.classes == ['background', '{texts}']
