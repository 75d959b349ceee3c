"""Mends for what today's OpenMMLab stack gets wrong; a test tells when each is not needed."""

import importlib
import os

_INSTALL = 'pip install -e ".[mm]"'
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
            importlib.import_module(module)
        except Exception as error:
            broken.append(f'{module} (from {distribution}): {type(error).__name__}: {error}')
    if broken:
        raise ImportError(
            'qaclims_mm needs a working OpenMMLab install. Missing or broken:\n  '
            + '\n  '.join(broken)
            + f'\nRun in the root of the repository: {_INSTALL}\n'
            'If another mmcv, mmengine or mmsegmentation is installed, uninstall it first.'
        )


def mend_openmmlab() -> None:
    """Check the install and apply every mend that is not about ranks; safe to call again."""
    require_openmmlab()
    enable_mmseg_bases()
    skip_mmpretrain_multimodal()
    refuse_unsafe_checkpoints()


def enable_mmseg_bases() -> None:
    """Let configs inherit ``mmseg::`` bases; mmengine asks for the distribution's old name."""
    from mmengine.config import utils

    utils.MODULE2PACKAGE['mmseg'] = 'mmseg'


def skip_mmpretrain_multimodal() -> None:
    """Keep mmpretrain from importing its own BLIP and CLIP, which transformers 5 breaks.

    It does so where pycocotools is installed, and then none of its backbones can be had.
    """
    from mmpretrain.utils import dependency

    dependency.WITH_MULTIMODAL = False


def init_cpu_process_group(launcher: str) -> None:
    """Join a gloo group on a machine without a GPU, where mmengine's start-up fails.

    Does nothing on a machine with a GPU, without a launcher or when a group exists.

    Raises:
        ValueError: If the launcher is not ``pytorch``, the one that works without a GPU.
    """
    import torch
    import torch.distributed as dist

    if launcher == 'none' or torch.cuda.is_available() or dist.is_initialized():
        return
    if launcher != 'pytorch':
        raise ValueError(
            f'launcher must be pytorch on a machine without a GPU, but got {launcher}; '
            'use tools/dist_train.sh or tools/dist_test.sh.'
        )
    import torch.multiprocessing as mp

    # What mmengine's init_dist does before the device is set.
    if mp.get_start_method(allow_none=True) is None:
        mp.set_start_method('spawn')
    os.environ.setdefault('MASTER_ADDR', '127.0.0.1')
    dist.init_process_group(backend='gloo')


def adapt_config_to_device(cfg) -> None:  # noqa: ANN001 - mmengine's Config, which this light module does not import
    """Change a config in place for ranks without a GPU: no device ids, BN for SyncBN."""
    import torch

    if torch.cuda.is_available():
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
    """Never let mmengine fall back to a checkpoint load that can execute code."""
    import torch
    from mmengine.runner import checkpoint as mmengine_checkpoint

    from qaclims_mm.schemas import FormatError

    def load(file, map_location=None, weights_only=True):  # noqa: ANN001, ANN202 - mmengine's signature
        try:
            with torch.serialization.safe_globals(mmengine_checkpoint.get_torch_safe_globals()):
                return torch.load(file, map_location=map_location, weights_only=True)
        except Exception as error:
            raise FormatError(
                f'{file} cannot be loaded safely ({type(error).__name__}: {error}). If it is a '
                'checkpoint of yours, write it again as {"state_dict": model.state_dict()}; '
                'never load a file of others in another way.'
            ) from error

    mmengine_checkpoint._safe_torch_load = load
