"""Mends for what today's OpenMMLab stack gets wrong; a test tells when each is not needed."""

import contextlib
import functools
import gc
import importlib
import importlib.util
import io
import os
import re
import subprocess
import traceback
import zipfile
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qaclims_mm.imports import is_out_of_addresses

_INSTALL = "pip install 'qaclims_mm[mm]'"
_PARTS = {
    'mmengine': 'onedl-mmengine',
    'mmcv': 'onedl-mmcv',
    'mmseg': 'onedl-mmsegmentation',
    'mmpretrain': 'onedl-mmpretrain',
}


def require_openmmlab() -> None:
    """Import the OpenMMLab packages or say how to get them.

    Raises:
        ImportError: One message that names each part that is missing or broken and the command that
            mends it.
    """
    broken = []
    for module, distribution in _PARTS.items():
        try:
            _import_or_find(module)
        # a package that does not fit the others raises anything when it is imported
        except Exception as error:
            # another install would need as much
            if is_out_of_addresses(error) or isinstance(error, MemoryError):
                raise
            broken.append(f'{module} (from {distribution}): {type(error).__name__}: {error}')
    if broken:
        raise ImportError(
            'qaclims_mm needs a working OpenMMLab install. Missing or broken:\n  '
            + '\n  '.join(broken)
            + f'\nRun: {_INSTALL}\n'
            'If another mmcv, mmengine or mmsegmentation is installed, uninstall it first.'
        )


def _import_or_find(module: str) -> None:
    if module != 'mmpretrain':
        importlib.import_module(module)
    elif importlib.util.find_spec(module) is None:
        # its import takes a second, and is left to configs that name one of its backbones
        raise ModuleNotFoundError(f'No module named {module!r}', name=module)


def mend_openmmlab() -> None:
    """Check the install and apply every mend that is not about ranks; safe to call again."""
    require_openmmlab()
    enable_mmseg_bases()
    hide_missing_onedl()
    refuse_unsafe_checkpoints()
    write_files_whole()
    keep_checkpoints_until_replaced()
    resume_from_whole_checkpoints()


def enable_mmseg_bases() -> None:
    """Let configs inherit ``mmseg::`` bases; mmengine asks for the distribution's old name."""
    from mmengine.config import utils

    utils.MODULE2PACKAGE['mmseg'] = 'mmseg'


def hide_missing_onedl() -> None:
    """Import mmseg's data sets without two lines about a package that nothing here needs."""
    with contextlib.redirect_stdout(io.StringIO()):
        importlib.import_module('mmseg.datasets')


def init_cpu_process_group(launcher: str) -> None:
    """Join a gloo group on a machine without a GPU, where mmengine's start-up fails.

    Does nothing on a machine with a GPU, without a launcher or when a group exists.

    Raises:
        ValueError: If the launcher is neither ``pytorch`` nor ``slurm``, which work without a GPU,
            or ``slurm`` and Slurm has not started this process.
    """
    import torch
    import torch.distributed as dist

    if launcher == 'none' or torch.cuda.is_available() or dist.is_initialized():
        return
    if launcher == 'slurm':
        _take_rank_of_slurm()
    elif launcher != 'pytorch':
        raise ValueError(
            f'launcher must be pytorch or slurm on a machine without a GPU, but got {launcher}; '
            'use tools/dist_train.sh or tools/dist_test.sh.'
        )
    # DDP imports it where it is built, and then the group outlives its end (torch 2.14.1)
    import torch._dynamo
    import torch.multiprocessing as mp

    # What mmengine's init_dist does before the device is set.
    if mp.get_start_method(allow_none=True) is None:
        mp.set_start_method('spawn')
    os.environ.setdefault('MASTER_ADDR', '127.0.0.1')
    dist.init_process_group(backend='gloo')


def leave_process_group() -> None:
    """End the group of this process, when its runner is gone; does nothing without a group.

    Ranks whose threads of gloo still run when Python ends abort now and then, their work done.
    """
    import torch.distributed as dist

    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()
        # DDP holds the group, and is part of a runner's cycles
        gc.collect()


def _take_rank_of_slurm() -> None:
    """Tell torch what Slurm says of this process, as mmengine does where there are GPUs."""
    missing = [n for n in ('PROCID', 'NTASKS', 'NODELIST') if f'SLURM_{n}' not in os.environ]
    if missing:
        raise ValueError(
            f'launcher slurm needs processes that srun has started, but SLURM_{missing[0]} is not '
            'set; use tools/slurm_train.sh or tools/slurm_test.sh.'
        )
    os.environ['RANK'] = os.environ['SLURM_PROCID']
    os.environ['WORLD_SIZE'] = os.environ['SLURM_NTASKS']
    os.environ['LOCAL_RANK'] = os.environ.get('SLURM_LOCALID', '0')
    os.environ.setdefault('MASTER_PORT', '29500')
    if 'MASTER_ADDR' not in os.environ:
        command = ['scontrol', 'show', 'hostnames', os.environ['SLURM_NODELIST']]
        hosts = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        os.environ['MASTER_ADDR'] = hosts.split()[0]


def adapt_config_to_device(cfg) -> None:  # noqa: ANN001 - mmengine's Config, which this light module does not import
    """Change a config in place: pinned batches for a GPU; else no device ids, BN for SyncBN."""
    import torch

    if torch.cuda.is_available():
        # without a GPU torch warns of it
        for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
            if cfg.get(name):
                cfg[name].setdefault('pin_memory', True)
        return
    if cfg.get('launcher', 'none') != 'none':
        # the rest is what mmengine takes where there is no such config
        cfg.model_wrapper_cfg = dict(
            type='MMDistributedDataParallel',
            device_ids=None,
            broadcast_buffers=False,
            find_unused_parameters=cfg.get('find_unused_parameters', False),
        )
        # mmengine reads this as "already part of a group"; the group itself is gloo.
        cfg.env_cfg = {**(cfg.get('env_cfg') or {}), 'dist_cfg': dict(backend='gloo')}
    _replace_sync_bn(cfg.get('model') or {})


def _replace_sync_bn(node: object) -> None:
    """SyncBN raises on CPU ranks."""
    if isinstance(node, dict):
        if node.get('type') in ('SyncBN', 'MMSyncBN', 'mmcv.SyncBN'):
            node['type'] = 'BN'
        for child in node.values():
            _replace_sync_bn(child)
    elif isinstance(node, (list, tuple)):
        for child in node:
            _replace_sync_bn(child)


def refuse_unsafe_checkpoints() -> None:
    """Never let mmengine load a checkpoint in a way that can execute code; read safetensors.

    It falls back to such a load for files, and uses nothing else for downloads.
    """
    from mmengine.runner import checkpoint as mmengine_checkpoint

    from qaclims_mm.engine.checkpoints import load_safely, load_url

    mmengine_checkpoint._safe_torch_load = load_safely
    mmengine_checkpoint.load_url = load_url


def write_files_whole() -> None:
    """Let checkpoints and ``last_checkpoint`` appear whole or not at all; a kill left them torn."""
    from mmengine.fileio.backends import local_backend
    from mmengine.hooks import checkpoint_hook

    # a module's own name comes before the built-in one
    local_backend.open = checkpoint_hook.open = _open_whole


@contextlib.contextmanager
def _open_whole(path: str | Path, mode: str = 'r', **options: Any) -> Iterator[Any]:
    """Open a file as ``open`` does, but what is written takes its name when it is closed."""
    from qaclims_mm.schemas import atomic_path

    written = atomic_path(path) if 'w' in mode else contextlib.nullcontext(path)
    with written as real, open(real, mode, **options) as file:
        yield file


def keep_checkpoints_until_replaced() -> None:
    """Let mmengine remove the oldest checkpoint after it has written the newest, not before.

    Where but one is kept, a run that was killed between had none.
    """
    from mmengine.dist import is_main_process
    from mmengine.hooks import CheckpointHook

    save = CheckpointHook._save_checkpoint_with_step
    if hasattr(save, '__wrapped__'):
        return

    @functools.wraps(save)
    def save_then_remove(self, runner, step, meta):  # noqa: ANN001, ANN202 - mmengine's signature
        if self.max_keep_ckpts <= 0:
            save(self, runner, step, meta)
            return
        # one more, also for a run that goes on from this checkpoint: mmengine removes it there
        self.keep_ckpt_ids = deque(self.keep_ckpt_ids)
        self.max_keep_ckpts += 1
        save(self, runner, step, meta)
        self.max_keep_ckpts -= 1
        while len(self.keep_ckpt_ids) > self.max_keep_ckpts:
            name = self.filename_tmpl.format(self.keep_ckpt_ids.popleft())
            path = self.file_backend.join_path(self.out_dir, name)
            if is_main_process() and self.file_backend.isfile(path):
                self.file_backend.remove(path)

    CheckpointHook._save_checkpoint_with_step = save_then_remove


def resume_from_whole_checkpoints() -> None:
    """Let runs go on that were killed while mmengine wrote in place; see below."""
    from mmengine.runner import runner

    runner.find_latest_checkpoint = find_whole_checkpoint


def find_whole_checkpoint(work_dir: str) -> str | None:
    """Return the checkpoint with which a training was last, ``None`` if it had none yet.

    It is the one that ``last_checkpoint`` names or, where that is not whole, the newest that is.

    Raises:
        FormatError: If none is whole.
    """
    from mmengine.logging import print_log
    from mmengine.runner.checkpoint import find_latest_checkpoint

    from qaclims_mm.errors import FormatError

    named = find_latest_checkpoint(work_dir)
    # torch writes zip files, whose table of contents comes last
    if named is None or '://' in named or zipfile.is_zipfile(named):
        return named
    found = [p for p in Path(work_dir).iterdir() if re.fullmatch(r'(epoch|iter)_\d+\.pth', p.name)]
    whole = [p for p in found if zipfile.is_zipfile(p)]
    problem = f'{Path(work_dir, "last_checkpoint")} names {named!r}, which is no whole checkpoint'
    if not whole:
        raise FormatError(
            f'{problem}, and no other there is whole ({len(found)} looked at). Remove '
            'last_checkpoint to train from the start, or give a checkpoint: --resume FILE.'
        )
    newest = str(max(whole, key=lambda p: p.stat().st_mtime_ns))
    print_log(f'{problem}; going on from {newest}, the newest that is.')
    return newest


def config_files_of(error: BaseException) -> list[str]:
    """Return the config that mmengine was reading when it raised an error, its bases behind it.

    Seen in onedl-mmengine 0.10.12: a file is executed as a copy with a random name, so the error
    itself does not say which file it is in.
    """
    readers = ('_file2dict', '_is_lazy_import')
    named = [
        str(frame.f_locals['filename'])
        for frame, _ in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_name in readers and 'filename' in frame.f_locals
    ]
    return list(dict.fromkeys(os.path.normpath(name) for name in named))
