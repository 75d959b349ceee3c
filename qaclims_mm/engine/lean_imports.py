"""Defers what OpenMMLab's modules import at their top and hardly any run uses.

A finder stands before Python's own. While one of the modules in ``DEFERRED`` is executed, stand-ins
take the places of the packages named there; what the module takes from a stand-in imports the real
one at its first use. So every name stays registered and works, but a stage does not pay seconds for
it. Nothing is deferred that is loaded already.

Seen in onedl-mmengine 0.10.12, onedl-mmsegmentation 1.4.2, onedl-mmpretrain 1.3.6, torch 2.14.1.
"""

import functools
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import Any

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
}
# of use in a group of processes alone; classes derive from what these import
DEFERRED_ALONE: dict[str, tuple[str, ...]] = {
    'mmengine.model.wrappers.fully_sharded_distributed': SHARDING,
    'mmengine.optim.optimizer.zero_optimizer': ('torch.distributed.optim',),
    'mmengine._strategy.fsdp': SHARDING,
}
# it needs a package of the same name, and without it fails after it has imported mmpretrain
ONEDL = {'mmseg.datasets.onedl': 'onedl', 'mmpretrain.datasets.onedl': 'onedl'}
# variables by which the launchers of torch, Slurm and MPI tell a process its rank
RANK_VARIABLES = ('RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK')


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
        with _in_place(stand_ins):
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
        _StandIn(name) for name in DEFERRED.get(module, ()) if name not in sys.modules
    ]
    if not any(name in os.environ for name in RANK_VARIABLES):
        names = DEFERRED_ALONE.get(module, ())
        found += [_OfGroups(name) for name in names if name not in sys.modules]
    return found


@contextmanager
def _in_place(stand_ins: Sequence[ModuleType]) -> Iterator[None]:
    """Let stand-ins be found by ``import`` meanwhile."""
    for stand_in in stand_ins:
        sys.modules[stand_in.__name__] = stand_in
    try:
        yield
    finally:
        for stand_in in stand_ins:
            if sys.modules.get(stand_in.__name__) is stand_in:
                del sys.modules[stand_in.__name__]


class _StandIn(ModuleType):
    """Stands for a package; what is taken from it is imported when it is used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith('__'):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            return _Deferred(self.__name__, name)
        # "import timm" has kept the stand-in itself
        return getattr(importlib.import_module(self.__name__), name)


class _Deferred:
    """Stands for something of a package: a function, a class or a module."""

    def __init__(self, module: str, name: str) -> None:
        self._place = module, name

    @property
    def __wrapped__(self) -> Any:
        """The thing itself; ``inspect.signature`` follows this name."""
        module, name = self._place
        return getattr(importlib.import_module(module), name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__wrapped__(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__wrapped__, name)


class _OfGroups(ModuleType):
    """Stands for a package that shards networks over a group of processes."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith('__'):
            raise AttributeError(name)
        return _GroupOnly(name, (), {})


class _GroupOnly(type):
    """Makes classes that say why they cannot be used."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(
            f'{cls.__name__} needs a group of processes; start them with a launcher, so that '
            f'one of {", ".join(RANK_VARIABLES)} is set before mmengine is imported.'
        )


def skip_mmpretrain_multimodal(module: ModuleType) -> None:
    """Keep mmpretrain from importing its own BLIP and CLIP, which transformers 5 breaks.

    It does so where pycocotools is installed, and then none of its backbones can be had.
    """
    dependency = importlib.import_module('mmpretrain.utils.dependency')
    dependency.WITH_MULTIMODAL = False  # type: ignore[attr-defined]


def _collect_env_lightly(module: ModuleType) -> None:
    """Let a runner log torchvision's version without importing it, which takes a second."""
    collect = module.collect_env

    @functools.wraps(collect)
    def collect_env() -> dict[str, Any]:
        if 'torchvision' in sys.modules:
            return collect()
        stand_in = ModuleType('torchvision')
        with suppress(PackageNotFoundError):
            stand_in.__version__ = version('torchvision')  # type: ignore[attr-defined]
            with _in_place([stand_in]):
                return collect()
        return collect()

    module.collect_env = collect_env  # type: ignore[attr-defined]


def _optimize_without_dynamo(module: ModuleType) -> None:
    """Keep optimizers from importing torch's compiler, only to switch it off for themselves."""
    from torch import optim

    for name in ('add_param_group', 'state_dict', 'load_state_dict', 'zero_grad'):
        method = getattr(optim.Optimizer, name)
        if hasattr(method, '__wrapped__'):
            setattr(optim.Optimizer, name, _unless_compiling(method, method.__wrapped__))
    for optimizer in vars(optim).values():
        step = vars(optimizer).get('step') if isinstance(optimizer, type) else None
        if step is not None and step.__code__.co_name == '_use_grad':
            optimizer.step = _unless_compiling(step, _with_grad_if_differentiable(step.__wrapped__))


def _unless_compiling(method: Callable, plain: Callable) -> Callable:
    """Return a method that is the plain one until torch's compiler is imported."""

    @functools.wraps(plain)
    def call(*args: Any, **kwargs: Any) -> Any:
        return (method if 'torch._dynamo' in sys.modules else plain)(*args, **kwargs)

    return call


def _with_grad_if_differentiable(step: Callable) -> Callable:
    """Return an optimizer's step that does what torch's wrapper does besides its compiler."""

    @functools.wraps(step)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        import torch

        with torch.set_grad_enabled(self.defaults['differentiable']):
            return step(self, *args, **kwargs)

    return call


# {module: what is changed once it is executed}
AFTER: dict[str, Callable[[ModuleType], None]] = {
    'mmpretrain': skip_mmpretrain_multimodal,
    'mmengine.runner.runner': _collect_env_lightly,
    'mmengine.optim.optimizer.builder': _optimize_without_dynamo,
}
