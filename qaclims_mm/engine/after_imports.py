"""What is changed in modules of other packages right after their import, so that less is loaded.

Seen in onedl-mmengine 0.10.12, onedl-mmpretrain 1.3.6, torch 2.14.1, yapf 0.43.0.
"""

import functools
import importlib
import inspect
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType, SimpleNamespace
from typing import Any

from qaclims_mm.engine.stand_ins import in_place

# what a visualizer has of its figure
_FIGURE = ('fig_save_canvas', 'fig_save', 'ax_save', 'dpi')


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
            with in_place([stand_in]):
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


def _open_figures_lazily(module: ModuleType) -> None:
    """Let a visualizer open its figure when it draws: most runs draw nothing, and need no plots."""
    kind = module.Visualizer
    init, make = kind.__init__, kind._initialize_fig
    signature = inspect.signature(init)

    @functools.wraps(init)
    def initialize(self: Any, *args: Any, **kwargs: Any) -> None:
        values = signature.bind(self, *args, **kwargs).arguments
        image = values.pop('image', None)
        # what mmengine's __init__ asks of a figure
        figure = SimpleNamespace(get_dpi=lambda: None)
        self._initialize_fig = lambda _: (None, figure, None)
        init(**values)
        for name in ('_initialize_fig', *_FIGURE):
            delattr(self, name)
        if image is not None:
            self.set_image(image)

    def open_figure(self: Any, name: str) -> Any:
        if name in _FIGURE:
            self.fig_save_canvas, self.fig_save, self.ax_save = make(self, self.fig_save_cfg)
            self.dpi = self.fig_save.get_dpi()
        return object.__getattribute__(self, name)

    kind.__init__, kind.__getattr__ = initialize, open_figure


def _format_once(module: ModuleType) -> None:
    """Format a text once: mmengine formats the config of a run anew for each checkpoint."""
    format_code = module.FormatCode

    @functools.lru_cache(maxsize=8)
    def formatted(source: str, style: tuple) -> tuple[str, bool]:
        return format_code(source, style_config=dict(style))

    @functools.wraps(format_code)
    def format_once(source: str, **options: Any) -> tuple[str, bool]:
        style = options.get('style_config')
        if len(options) == 1 and isinstance(style, dict):
            return formatted(source, tuple(style.items()))
        return format_code(source, **options)

    module.FormatCode = format_once  # type: ignore[attr-defined]


# {module: what is changed once it is executed}
AFTER: dict[str, Callable[[ModuleType], None]] = {
    'mmengine.visualization.visualizer': _open_figures_lazily,
    'mmpretrain': skip_mmpretrain_multimodal,
    'mmengine.runner.runner': _collect_env_lightly,
    'mmengine.optim.optimizer.builder': _optimize_without_dynamo,
    'yapf.yapflib.yapf_api': _format_once,
}
