import importlib.util
import sys

import pytest
from helpers import make_tiny_voc
from python_runs import python
from tiny_runs import ROOT, write_tiny_config

from qaclims_mm.engine import lean_imports

HEAVY = (
    'matplotlib',
    'mmpretrain',
    'open_clip',
    'scipy',
    'sympy',
    'timm',
    'torch._dynamo',
    'torch.distributed.fsdp',
    'torchvision',
    'transformers',
    'triton',
)
LOADED = f'print(json.dumps([n for n in {HEAVY} if n in sys.modules]))'
STAGE = f"""
import contextlib, json, sys
from qaclims_mm.cli import main
with contextlib.suppress(SystemExit):
    main(sys.argv[1:])
{LOADED}
"""


def test_the_plugin_imports_none_of_it():
    assert python(f'import json, sys, qaclims_mm.plugin\n{LOADED}') == []


@pytest.mark.parametrize('mode', ['train', 'test'])
def test_a_stage_imports_what_it_uses(tmp_path, mode):
    make_tiny_voc(tmp_path / 'voc')
    config = write_tiny_config(tmp_path / 'c.py', tmp_path / 'voc')
    rest = ['none'] if mode == 'test' else []
    loaded = python(STAGE, mode, config, *rest, '--work-dir', tmp_path / 'run')
    assert loaded == []
    [log] = (tmp_path / 'run').glob('*/*.log')
    assert 'TorchVision: ' in log.read_text()
    made = 'run/epoch_1.pth' if mode == 'train' else 'run/cams/manifest.json'
    assert (tmp_path / made).is_file()


DEFERRED_WORK = """
import json, sys, torch
import qaclims_mm.plugin
from mmengine.registry import MODEL_WRAPPERS, init_default_scope
from mmengine.optim import build_optim_wrapper
from mmseg.datasets.transforms import transforms
from mmseg.models.assigners import hungarian_assigner
from mmseg.models.backbones import beit
from mmseg.models.losses import huasdorff_distance_loss
from mmseg.models.text_encoder import clip_text_encoder
from mmseg.registry import MODELS
from mmseg.utils import tokenize

init_default_scope('mmseg')
before = [n for n in ('scipy', 'timm', 'transformers', 'mmpretrain') if n in sys.modules]
import numpy as np
found = dict(
    before=before,
    assigned=hungarian_assigner.linear_sum_assignment(np.eye(2))[1].tolist(),
    smooth=float(transforms.gaussian_filter(np.ones(3), 1.0).sum()),
    distance=huasdorff_distance_loss.distance(np.array([1, 1, 0])).tolist(),
    interpolate=beit.interpolate.__name__,
    tokens=len(tokenize('a cat')[0]),
    same=clip_text_encoder.tokenizer.tokenize is not None,
    timm=len(MODELS.build(dict(
        type='TIMMBackbone', model_name='resnet18', features_only=True, pretrained=False,
    )).state_dict()) > 0,
    mmpretrain=type(MODELS.build(dict(type='mmpretrain.ResNet', depth=18))).__module__,
)
wrapper = build_optim_wrapper(torch.nn.Linear(1, 1), dict(
    optimizer=dict(type='Adafactor', lr=0.1, relative_step=False, scale_parameter=False)))
found['adafactor'] = type(wrapper.optimizer).__module__
try:
    MODEL_WRAPPERS.build(dict(type='MMFullyShardedDataParallel', module=torch.nn.Linear(1, 1)))
except RuntimeError as error:
    found['fsdp'] = str(error)
print(json.dumps(found))
"""


@pytest.fixture(scope='module')
def deferred():
    return python(DEFERRED_WORK)


def test_what_is_deferred_works(deferred):
    assert deferred['before'] == []
    assert deferred['assigned'] == [1, 0]
    assert deferred['smooth'] == pytest.approx(3)
    assert deferred['distance'] == [2, 1, 0]
    assert deferred['interpolate'] == 'scipy.interpolate'
    assert deferred['tokens'] == 77
    assert deferred['same']
    assert deferred['timm']
    assert deferred['mmpretrain'] == 'mmpretrain.models.backbones.resnet'
    assert deferred['adafactor'].startswith('transformers')


def test_sharding_without_a_group_says_what_it_needs(deferred):
    message = deferred['fsdp']
    assert message.startswith('MMFullyShardedDataParallel needs a group of processes; start')


def test_a_rank_has_the_sharding_of_torch():
    code = """
import json, qaclims_mm.plugin
from mmengine.model import MMFullyShardedDataParallel as found
from mmengine.optim import ZeroRedundancyOptimizer as zero
print(json.dumps([found.__mro__[1].__module__, zero.__mro__[1].__module__]))
"""
    wrapper, optimizer = python(code, RANK='0')
    assert wrapper == 'torch.distributed.fsdp.fully_sharded_data_parallel'
    assert optimizer.startswith('torch.distributed.optim')


CLIP = f"""
import json, sys
import qaclims_mm.plugin
from qaclims_mm.vlms.clip.mask_prompt import is_plain_vit
from qaclims_mm.vlms.clip.open_clip import load_open_clip
assert is_plain_vit(load_open_clip('miniworld://clip', None).visual)
{LOADED}
"""


def test_clip_imports_what_it_uses():
    assert python(CLIP) == ['open_clip', 'torchvision']


OTHER_TOWERS = """
import json, sys
import qaclims_mm.plugin
import torch, open_clip
from open_clip.hf_model import ClsPooler, HFTextEncoder
from open_clip.timm_model import TimmModel
from transformers import BertConfig
from transformers.modeling_outputs import BaseModelOutputWithPooling

vision = TimmModel('resnet18', embed_dim=8, image_size=32, pool='abs_attn', proj='mlp')
config = BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, vocab_size=10)
text = HFTextEncoder('', 4, config, pooler_type='cls_pooler', proj_type='linear')
states, pooled = torch.zeros(1, 3, 8), torch.ones(1, 8)
given = BaseModelOutputWithPooling(last_hidden_state=states, pooler_output=pooled)
print(json.dumps([
    vision.eval()(torch.zeros(1, 3, 32, 32)).shape[1],
    text(torch.ones(1, 3, dtype=torch.int64)).shape[1],
    ClsPooler()(given, None).tolist(),
]))
"""


def test_other_towers_of_open_clip_work():
    assert python(OTHER_TOWERS) == [8, 4, [[1.0] * 8]]


def test_every_module_that_defers_is_there_and_imports_what_is_deferred():
    # where one moves, its line in the tables does nothing
    for tables in (lean_imports.DEFERRED, lean_imports.DEFERRED_ALONE):
        for module, names in tables.items():
            spec = importlib.util.find_spec(module)
            source = spec.loader.get_source(module)
            words = {name.rpartition('.')[2] for name in names}
            assert any(word in source for word in words), module


def test_deferring_again_changes_nothing():
    before = list(sys.meta_path)
    lean_imports.defer_imports()
    assert sys.meta_path == before


def test_a_broken_mmpretrain_is_told_when_a_config_names_it(tmp_path):
    (tmp_path / 'mmpretrain').mkdir()
    (tmp_path / 'mmpretrain/__init__.py').write_text("raise ImportError('half of it is gone')")
    code = """
import json, qaclims_mm.plugin
from qaclims_mm.errors import QAClimsError
from qaclims_mm.registry import MODELS
try:
    MODELS.build(dict(type='mmpretrain.ResNet', depth=18))
except QAClimsError as error:
    print(json.dumps(str(error)))
"""
    message = python(code, PYTHONPATH=f'{tmp_path}:{ROOT}')
    assert 'mmpretrain' in message
    assert '(ImportError: half of it is gone); run: pip install --force' in message
