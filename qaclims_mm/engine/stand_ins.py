"""Stand-ins for packages that are imported when something of them is used."""

import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

# variables by which the launchers of torch, Slurm and MPI tell a process its rank
RANK_VARIABLES = ('RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK')


@contextmanager
def in_place(stand_ins: Sequence[ModuleType]) -> Iterator[None]:
    """Let stand-ins be found by ``import`` meanwhile."""
    for stand_in in stand_ins:
        sys.modules[stand_in.__name__] = stand_in
    try:
        yield
    finally:
        for stand_in in stand_ins:
            if sys.modules.get(stand_in.__name__) is stand_in:
                del sys.modules[stand_in.__name__]


class StandIn(ModuleType):
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

    def __instancecheck__(self, instance: Any) -> bool:
        return isinstance(instance, self.__wrapped__)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__wrapped__, name)


class OfGroups(ModuleType):
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
