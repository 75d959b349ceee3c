import importlib
import json
import os
import pickle
import socket
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import HistoryBuffer
from mmengine.registry import MODELS
from mmengine.runner import CheckpointLoader, checkpoint
from mmengine.runner.checkpoint import save_checkpoint

from qaclims_mm.engine import after_imports, compat

NO_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason='a mend for machines without a GPU')
SEGFORMER = 'mmseg::segformer/segformer_mit-b0_8xb2-160k_ade20k-512x512.py'

# Each function does, in a process without our mends, what fails there; it returns normally once the
# stack has no such fault any more.
UNMENDED = """
import contextlib, io, json, logging, os, tempfile
from types import SimpleNamespace
import torch
from mmengine.config import Config
from mmengine.dist import init_dist
from mmengine.fileio import LocalBackend
from mmengine.hooks import CheckpointHook
from mmengine.logging import MessageHub
from mmengine.runner import Runner, find_latest_checkpoint
from mmengine.runner.checkpoint import CheckpointLoader

folder = tempfile.mkdtemp()
os.environ.update(RANK='0', LOCAL_RANK='0', WORLD_SIZE='1')
os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT='0')

class MakesFolder:
    def __reduce__(self):
        return os.mkdir, (f'{folder}/executed',)

def enable_mmseg_bases():
    with open(f'{folder}/c.py', 'w') as file:
        file.write("_base_ = ['mmseg::_base_/default_runtime.py']")
    Config.fromfile(f'{folder}/c.py')

def refuse_unsafe_checkpoints():
    with open(f'{folder}/c.pth', 'wb') as file:
        torch.save(dict(state_dict=MakesFolder()), file)
    with contextlib.suppress(Exception):  # a refusal is what we want
        CheckpointLoader.load_checkpoint(f'{folder}/c.pth')
    if os.path.exists(f'{folder}/executed'):
        raise RuntimeError('code of the checkpoint was executed')

def skip_mmpretrain_multimodal():
    import mmpretrain.models

def hide_missing_onedl():
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        import mmseg.datasets
    if 'OneDL' in printed.getvalue():
        raise RuntimeError(printed.getvalue())

def init_cpu_process_group():
    init_dist('pytorch', backend='gloo')

def with_group(check):
    torch.distributed.init_process_group(
        'gloo', store=torch.distributed.HashStore(), rank=0, world_size=1)
    try:
        check()
    finally:
        torch.distributed.destroy_process_group()

def wrap():
    runner = SimpleNamespace(distributed=True, cfg={})
    Runner.wrap_model(runner, None, torch.nn.Linear(1, 1))

def adapt_config_to_device():
    with_group(wrap)

def _replace_sync_bn():
    with_group(lambda: torch.nn.SyncBatchNorm(2)(torch.zeros(2, 2, 2, 2)))

def begins_file_in_place(write):
    with open(f'{folder}/last_checkpoint', 'w') as file:
        file.write('a')
    with contextlib.suppress(TypeError):  # a number cannot be written
        write(0, f'{folder}/last_checkpoint')
    with open(f'{folder}/last_checkpoint') as file:
        return file.read() != 'a'

def save_with(path, save=lambda *_, **__: None, backend=None):
    hook = CheckpointHook(interval=1, max_keep_ckpts=1)
    hub = MessageHub('hub')
    hub.update_info('keep_ckpt_ids', [1])
    hook.before_train(SimpleNamespace(work_dir=folder, logger=logging.getLogger(), message_hub=hub))
    hook.file_backend = SimpleNamespace(join_path=lambda *_: path, **backend or {})
    hook.after_train_epoch(SimpleNamespace(
        epoch=1, iter=1, work_dir=folder, logger=logging.getLogger(), message_hub=hub,
        save_checkpoint=save))

def write_files_whole():
    nothing = dict(isfile=lambda _: False, isdir=lambda _: False)
    if (begins_file_in_place(LocalBackend().put)
            or begins_file_in_place(lambda path, _: save_with(path, backend=nothing))):
        raise RuntimeError('a file was begun in place')

def keep_checkpoints_until_replaced():
    events = []
    remove = dict(isfile=lambda _: True, remove=lambda _: events.append('remove'))
    save_with('a', lambda *_, **__: events.append('save'), remove)
    if events == ['remove', 'save']:
        raise RuntimeError('the only checkpoint was removed')

def resume_from_whole_checkpoints():
    with open(f'{folder}/last_checkpoint', 'w'):
        pass
    if find_latest_checkpoint(folder) == '':
        raise RuntimeError('a checkpoint without a name was found')

found = {}
for check in (enable_mmseg_bases, hide_missing_onedl, skip_mmpretrain_multimodal,
              refuse_unsafe_checkpoints, init_cpu_process_group, adapt_config_to_device,
              _replace_sync_bn, write_files_whole,
              keep_checkpoints_until_replaced, resume_from_whole_checkpoints):
    try:
        check()
        found[check.__name__] = ''
    except BaseException as error:
        found[check.__name__] = f'{type(error).__name__}: {error}'
print(json.dumps(found))
"""


@pytest.fixture(scope='module')
def faults():
    """What the stack does without our mends: {name of the mend: error, or nothing}."""
    done = subprocess.run(
        [sys.executable, '-c', UNMENDED], capture_output=True, text=True, timeout=120, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ('mend', 'fault'),
    [
        ('enable_mmseg_bases', 'mmsegmentation is not installed'),
        ('hide_missing_onedl', 'Could not import OneDL'),
        ('skip_mmpretrain_multimodal', 'NoneType takes no arguments'),
        ('refuse_unsafe_checkpoints', 'code of the checkpoint was executed'),
        pytest.param('init_cpu_process_group', 'NVIDIA|CUDA', marks=NO_GPU),
        pytest.param('adapt_config_to_device', 'device_ids', marks=NO_GPU),
        pytest.param('_replace_sync_bn', 'expected input tensor to be on GPU', marks=NO_GPU),
        ('write_files_whole', 'a file was begun in place'),
        ('keep_checkpoints_until_replaced', 'the only checkpoint was removed'),
        ('resume_from_whole_checkpoints', 'a checkpoint without a name was found'),
    ],
)
def test_each_mend_is_still_needed(faults, mend, fault):
    assert any(hasattr(module, mend) for module in (compat, after_imports))
    assert faults[mend], f'the stack works without it: remove qaclims_mm.engine.compat.{mend}'
    assert any(f in faults[mend] for f in fault.split('|')), (
        f'the stack fails in another way than qaclims_mm.engine.compat.{mend} mends: {faults[mend]}'
    )


def test_mmpretrain_is_looked_for_without_its_import(monkeypatch):
    monkeypatch.setattr(compat.importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(ImportError, match=r"onedl-mmpretrain.*No module named 'mmpretrain'"):
        compat.require_openmmlab()


@pytest.mark.parametrize(
    'error',
    [
        ModuleNotFoundError('No module named {}'),
        AssertionError('MMCV==2.2.0 is used'),
        OSError('x'),
    ],
)
@pytest.mark.parametrize('broken', [('mmcv',), ('mmengine', 'mmseg')])
def test_missing_and_broken_parts_give_one_error_with_the_command(monkeypatch, error, broken):
    found = importlib.import_module

    def import_module(name):
        if name in broken:
            raise error
        return found(name)

    monkeypatch.setattr(compat.importlib, 'import_module', import_module)
    with pytest.raises(ImportError) as raised:
        compat.mend_openmmlab()
    assert raised.value.__context__ is None
    lines = str(raised.value).splitlines()
    packages = dict(
        mmcv='onedl-mmcv',
        mmengine='onedl-mmengine',
        mmseg='onedl-mmsegmentation',
    )
    assert lines == [
        'qaclims_mm needs a working OpenMMLab install. Missing or broken:',
        *(
            f'  {name} (from {packages[name]}): {type(error).__name__}: {error}'
            for name in packages_in_order(broken)
        ),
        "Run: pip install 'qaclims_mm[mm]'",
        'If another mmcv, mmengine or mmsegmentation is installed, uninstall it first.',
    ]


def packages_in_order(names):
    return [n for n in ('mmengine', 'mmcv', 'mmseg', 'mmpretrain') if n in names]


def test_good_install_is_no_error():
    compat.require_openmmlab()


@pytest.mark.parametrize(
    ('base', 'key'), [('mmseg::_base_/default_runtime.py', 'log_processor'), (SEGFORMER, 'model')]
)
def test_mmseg_bases(tmp_path, base, key):
    (tmp_path / 'c.py').write_text(f"_base_ = ['{base}']\n")
    assert key in Config.fromfile(tmp_path / 'c.py')


def sync_bn_of(model):
    return [m for m in model.modules() if isinstance(m, torch.nn.SyncBatchNorm)]


@NO_GPU
def test_segformer_of_mmseg_builds_and_has_bn_on_the_cpu(tmp_path):
    path = tmp_path / 'c.py'
    path.write_text(
        f"_base_ = ['{SEGFORMER}']\n"
        'model = dict(backbone=dict(init_cfg=None, num_layers=[1, 1, 1, 1], embed_dims=8))\n'
        'model["decode_head"] = dict(in_channels=[8, 16, 40, 64], channels=8)\n'
    )
    cfg = Config.fromfile(path)
    assert cfg.model.decode_head.norm_cfg.type == 'SyncBN'
    assert sync_bn_of(MODELS.build(cfg.model))
    compat.adapt_config_to_device(cfg)
    model = MODELS.build(cfg.model)
    assert not sync_bn_of(model)
    assert any(isinstance(m, torch.nn.BatchNorm2d) for m in model.modules())


SYNC_BN = dict(
    type='A', norm_cfg=dict(type='SyncBN', eps=1), parts=[dict(n=dict(type='MMSyncBN')), 'SyncBN']
)
PLAIN_BN = dict(
    type='A', norm_cfg=dict(type='BN', eps=1), parts=[dict(n=dict(type='BN')), 'SyncBN']
)
CPU_RANKS = dict(
    model_wrapper_cfg=dict(
        type='MMDistributedDataParallel',
        device_ids=None,
        broadcast_buffers=False,
        find_unused_parameters=False,
    ),
    env_cfg=dict(dist_cfg=dict(backend='gloo')),
)


@pytest.mark.parametrize(
    ('gpu', 'launcher', 'model', 'added'),
    [
        (True, 'pytorch', SYNC_BN, {}),
        (True, 'none', SYNC_BN, {}),
        (False, 'none', PLAIN_BN, {}),
        (False, 'pytorch', PLAIN_BN, CPU_RANKS),
    ],
)
def test_config_on_each_device(monkeypatch, gpu, launcher, model, added):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: gpu)
    cfg = Config(dict(launcher=launcher, model=SYNC_BN))
    compat.adapt_config_to_device(cfg)
    assert cfg.to_dict() == dict(launcher=launcher, model=model) | added


@pytest.mark.parametrize('gpu', [True, False])
def test_batches_are_pinned_for_a_gpu_alone(monkeypatch, gpu):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: gpu)
    loaders = dict(
        train_dataloader=dict(batch_size=2, pin_memory=False),
        val_dataloader=None,
        test_dataloader=dict(batch_size=3),
    )
    cfg = Config(loaders)
    compat.adapt_config_to_device(cfg)
    wanted = dict(batch_size=3, pin_memory=True) if gpu else dict(batch_size=3)
    assert cfg.to_dict() == loaders | dict(test_dataloader=wanted)


def test_unused_parameters_of_a_config_are_looked_for_on_the_cpu_too(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    cfg = Config(dict(launcher='pytorch', find_unused_parameters=True))
    compat.adapt_config_to_device(cfg)
    assert cfg.model_wrapper_cfg.find_unused_parameters is True


def test_config_without_a_model_or_a_launcher(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    cfg = Config(dict(model=None))
    compat.adapt_config_to_device(cfg)
    assert cfg.to_dict() == dict(model=None)


def test_launcher_that_needs_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(
        ValueError,
        match=r'^launcher must be pytorch or slurm on a machine without a GPU, but got mpi; '
        r'use tools/dist_train\.sh or tools/dist_test\.sh\.$',
    ):
        compat.init_cpu_process_group('mpi')


def test_slurm_outside_of_slurm(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    monkeypatch.setenv('SLURM_PROCID', '0')
    monkeypatch.delenv('SLURM_NTASKS', raising=False)
    with pytest.raises(
        ValueError,
        match=r'^launcher slurm needs processes that srun has started, but SLURM_NTASKS is not '
        r'set; use tools/slurm_train\.sh or tools/slurm_test\.sh\.$',
    ):
        compat.init_cpu_process_group('slurm')


@pytest.mark.parametrize(('gpu', 'launcher'), [(False, 'none'), (True, 'pytorch'), (True, 'slurm')])
def test_no_group_where_none_is_needed(monkeypatch, gpu, launcher):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: gpu)
    compat.init_cpu_process_group(launcher)
    assert not torch.distributed.is_initialized()


def test_group_of_gloo(monkeypatch):
    calls = []
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    monkeypatch.setattr(torch.distributed, 'init_process_group', lambda **kw: calls.append(kw))
    monkeypatch.setattr(torch.multiprocessing, 'get_start_method', lambda **_: 'fork')
    monkeypatch.delenv('MASTER_ADDR', raising=False)
    compat.init_cpu_process_group('pytorch')
    assert calls == [dict(backend='gloo')]
    assert os.environ['MASTER_ADDR'] == '127.0.0.1'
    monkeypatch.setattr(torch.distributed, 'is_initialized', lambda: True)
    compat.init_cpu_process_group('pytorch')
    assert len(calls) == 1


# a rank of its own, as what other tests have imported decides whether a group ends
RANK = """
from pathlib import Path
import torch
from qaclims_mm.cli._execute import run_tool
from qaclims_mm.engine import compat

def gloo_threads():
    names = [path.read_text() for path in Path('/proc/self/task').glob('*/comm')]
    return [name for name in names if 'gloo' in name]

def main():
    compat.init_cpu_process_group('pytorch')
    model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(1, 1))
    model(torch.ones(1)).backward()
    # as a runner and its hooks
    model.owner = [model]
    assert gloo_threads()
    return 3

try:
    run_tool(main)
except SystemExit as end:
    print(end.code, torch.distributed.is_initialized(), gloo_threads())
"""


@pytest.mark.skipif(not Path('/proc/self/task').is_dir(), reason='threads cannot be listed here')
def test_nothing_of_a_group_is_left_when_a_tool_ends():
    """Else one rank in five aborts where the cores are shared."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    rank = dict(RANK='0', WORLD_SIZE='1', LOCAL_RANK='0', MASTER_PORT=str(port))
    done = subprocess.run(
        [sys.executable, '-c', RANK],
        env=os.environ | rank | dict(MASTER_ADDR='127.0.0.1', CUDA_VISIBLE_DEVICES=''),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[-1:] == ['3 False []'], done.stderr


def make_checkpoint():
    """What mmengine's runner keeps: weights, optimizer, schedules, history and numbers of numpy."""
    model = torch.nn.Linear(2, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    history = HistoryBuffer([1.0, 2.0], [1, 1])
    return dict(
        meta=dict(epoch=1, iter=3, cfg='a = 1', dataset_meta=dict(classes=('a', 'b')), seed=0),
        state_dict=OrderedDict(model.state_dict()),
        optimizer=optimizer.state_dict(),
        param_schedulers=[dict(last_step=3, _last_value=[0.1])],
        message_hub=dict(
            log_scalars=OrderedDict({'train/loss': history}),
            runtime_info=OrderedDict(iter=3, loss=np.float64(0.5), array=np.arange(3)),
            resumed_keys=OrderedDict(loss=True),
        ),
    )


def test_ordinary_checkpoint(tmp_path):
    wanted = make_checkpoint()
    save_checkpoint(wanted, str(tmp_path / 'c.pth'))
    found = CheckpointLoader.load_checkpoint(str(tmp_path / 'c.pth'), map_location='cpu')
    torch.testing.assert_close(dict(found['state_dict']), dict(wanted['state_dict']))
    assert found['meta'] == wanted['meta']
    assert str(found['optimizer']) == str(wanted['optimizer'])
    hub = found['message_hub']
    assert hub['log_scalars']['train/loss'].mean() == 1.5
    assert hub['runtime_info']['array'].tolist() == [0, 1, 2]


class MakesFolder:
    """Runs code when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def save_plain_pickle(content, path):
    with open(path, 'wb') as file:
        pickle.dump(content, file)


@pytest.mark.parametrize(
    'save',
    [
        torch.save,
        lambda c, p: torch.save(c, p, _use_new_zipfile_serialization=False),
        save_plain_pickle,
    ],
    ids=['zip', 'legacy', 'pickle'],
)
@pytest.mark.parametrize('asked', [{}, dict(weights_only=False)])
def test_checkpoint_that_would_execute_code_is_refused_and_does_not(tmp_path, save, asked):
    path, executed = tmp_path / 'c.pth', tmp_path / 'executed'
    save(dict(state_dict=dict(a=torch.zeros(1)), meta=MakesFolder(executed)), str(path))
    with pytest.raises(
        ValueError,
        match=rf'(?s)^{path} cannot be loaded safely \(.*\)\. If it is a checkpoint of yours, '
        r'write it again as \{"state_dict": model\.state_dict\(\)\}; '
        r'never load a file of others in another way\.$',
    ):
        checkpoint._safe_torch_load(str(path), map_location='cpu', **asked)
    with pytest.raises(ValueError, match='cannot be loaded safely'):
        CheckpointLoader.load_checkpoint(str(path))
    assert not executed.exists()
    # the file is what it claims to be: an unsafe load would have executed it
    if save is torch.save:
        torch.load(path, weights_only=False)
        assert executed.exists()


@pytest.mark.parametrize('keep', [0, 100, 600])
def test_truncated_checkpoint(tmp_path, keep):
    path = tmp_path / 'c.pth'
    save_checkpoint(make_checkpoint(), str(path))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=rf'^{path} cannot be loaded safely \('):
        CheckpointLoader.load_checkpoint(str(path))


def test_mends_can_be_applied_again(tmp_path):
    compat.mend_openmmlab()
    compat.mend_openmmlab()
    torch.save(dict(a=torch.ones(1)), tmp_path / 'c.pth')
    assert CheckpointLoader.load_checkpoint(str(tmp_path / 'c.pth'))['a'] == 1


def test_an_install_for_which_there_is_no_memory_is_not_called_broken(monkeypatch):
    def fail(module):
        raise ImportError(f'{module}.so: failed to map segment from shared object')

    monkeypatch.setattr(compat, '_import_or_find', fail)
    with pytest.raises(ImportError, match=r'^mmengine\.so: failed to map segment') as raised:
        compat.require_openmmlab()
    assert 'pip install' not in str(raised.value)
