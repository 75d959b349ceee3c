"""A test loop that begins further batches while a served model answers earlier ones."""

from collections import deque
from collections.abc import Iterator
from typing import Any

from mmengine.model import is_model_wrapper
from mmengine.runner import TestLoop

from qaclims_mm.engine.protocols import AheadModel
from qaclims_mm.errors import ConfigError
from qaclims_mm.registry import LOOPS

# images without a label send no requests, so the model alone cannot limit the batches
MOST_BEGUN = 128


class _Ahead:
    """A loader that passes batches to the model before the loop reaches them.

    Args:
        loader: Loader whose batches and attributes are passed on.
        model: Model that begins batches until it is busy.
    """

    def __init__(self, loader: Any, model: AheadModel) -> None:
        self._loader, self._model = loader, model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[Any]:
        begun: deque[Any] = deque()
        for batch in self._loader:
            self._model.begin(batch)
            begun.append(batch)
            while begun and (self._model.is_busy or len(begun) > MOST_BEGUN):
                yield begun.popleft()
        yield from begun


@LOOPS.register_module()
class AheadTestLoop(TestLoop):
    """Keeps a model busy that answers many requests at the same time.

    The log ends with the model's summary (requests, tokens, cost), even if the run fails.

    Raises:
        ConfigError: If the model is not an ``AheadModel``.
    """

    def run(self) -> dict:
        """Run the test and return the metrics."""
        model: Any = self.runner.model
        model = model.module if is_model_wrapper(model) else model
        if not isinstance(model, AheadModel):
            raise ConfigError(
                f'AheadTestLoop needs an AheadModel, such as VQACorpusBuilder, but got a '
                f"{type(model).__name__}; set test_cfg = dict(type='TestLoop')."
            )
        loader: Any = self.runner.test_dataloader
        self.dataloader = _Ahead(loader, model)
        try:
            return super().run()
        finally:
            self.dataloader = loader
            for line in model.finish():
                self.runner.logger.info(line)
