"""Defers what other packages' modules import at their top and hardly any run uses.

A finder stands before Python's own. While one of the modules in ``DEFERRED`` is executed, stand-ins
take the places of the packages named there; what the module takes from a stand-in imports the real
one at its first use. So every name stays registered and works, but a stage does not pay seconds for
it. Nothing is deferred that is loaded already.

Seen in onedl-mmengine 0.10.12, onedl-mmsegmentation 1.4.2, onedl-mmpretrain 1.3.6, torch 2.14.1,
torchvision 0.29.1, open_clip_torch 3.3.0.
"""

import functools
import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from qaclims_mm.engine.after_imports import AFTER
from qaclims_mm.engine.stand_ins import RANK_VARIABLES, OfGroups, StandIn, in_place
from qaclims_mm.errors import QAClimsError

_FSDP = 'torch.distributed.fsdp'
SHARDING = (_FSDP, f'{_FSDP}.api', f'{_FSDP}.fully_sharded_data_parallel')
# {module: what it imports at its top and is deferred}
DEFERRED: dict[str, tuple[str, ...]] = {
    'mmengine.optim.optimizer.builder': ('transformers',),
    'mmseg.utils': ('mmseg.utils.tokenizer',),
    'mmseg.datasets.transforms.transforms': ('scipy.ndimage',),
    'mmseg.models.assigners.hungarian_assigner': ('scipy.optimize',),
    'mmseg.models.backbones.beit': ('scipy', 'scipy.interpolate'),
    'mmseg.models.backbones.timm_backbone': ('timm',),
    'mmseg.models.text_encoder.clip_text_encoder': ('mmseg.utils.tokenizer',),
    'mmseg.models.losses.huasdorff_distance_loss': ('scipy.ndimage',),
    'open_clip.coca_model': ('transformers',),
    'open_clip.hf_model': ('transformers', 'transformers.modeling_outputs'),
    'open_clip.timm_model': ('timm', 'timm.layers'),
    'torchvision.ops.roi_align': ('torch._dynamo.utils',),
}
# of use in a group of processes alone; classes derive from what these import
DEFERRED_ALONE: dict[str, tuple[str, ...]] = {
    'mmengine.model.wrappers.fully_sharded_distributed': SHARDING,
    'mmengine.optim.optimizer.zero_optimizer': ('torch.distributed.optim',),
    'mmengine._strategy.fsdp': SHARDING,
}
# it needs a package of the same name, and without it fails after it has imported mmpretrain
ONEDL = {'mmseg.datasets.onedl': 'onedl', 'mmpretrain.datasets.onedl': 'onedl'}


def defer_imports() -> None:
    """Put the finder before Python's own; safe to call again."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    """Finds modules as Python does, and changes how a few of them are executed."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        after = AFTER.get(fullname)
        stand_ins = _stand_ins_of(fullname)
        if after is None and not stand_ins and fullname not in ONEDL:
            return None
        others = (f for f in sys.meta_path if not isinstance(f, _Finder))
        found = (f.find_spec(fullname, path, target) for f in others if hasattr(f, 'find_spec'))
        spec = next((s for s in found if s is not None), None)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module
            # a loader belongs to one module
            spec.loader.exec_module = functools.partial(  # type: ignore[method-assign]
                _execute, execute, stand_ins, after
            )
        return spec


def _execute(
    execute: Callable[[ModuleType], None],
    stand_ins: Sequence[ModuleType],
    after: Callable[[ModuleType], None] | None,
    module: ModuleType,
) -> None:
    """Execute a module among stand-ins, then change it."""
    needed = ONEDL.get(module.__name__)
    if needed and importlib.util.find_spec(needed) is None:
        raise ModuleNotFoundError(f'No module named {needed!r}', name=needed)
    try:
        with in_place(stand_ins):
            execute(module)
    # what a module raises is told for mmpretrain alone, as mmengine would hide it
    except Exception as error:
        if module.__name__ != 'mmpretrain':
            raise
        # mmengine would say that there is no such backbone
        raise QAClimsError(
            'mmpretrain, of which the config names a part, cannot be imported '
            f'({type(error).__name__}: {error}); '
            'run: pip install --force-reinstall onedl-mmpretrain.'
        ) from error
    if after is not None:
        after(module)


def _stand_ins_of(module: str) -> list[ModuleType]:
    found: list[ModuleType] = [
        StandIn(name) for name in DEFERRED.get(module, ()) if name not in sys.modules
    ]
    if not any(name in os.environ for name in RANK_VARIABLES):
        names = DEFERRED_ALONE.get(module, ())
        found += [OfGroups(name) for name in names if name not in sys.modules]
    return found
