"""What models of which nothing is trained share."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from mmengine.model import BaseModel


class PredictOnly(BaseModel):
    """A model for ``test.py`` alone; it may have no parameters at all."""

    def forward(self, inputs: Any, data_samples: Sequence[Any], mode: str = 'predict') -> list[Any]:
        """Return ``predict`` of a batch.

        Raises:
            ValueError: If the mode is another one: there is nothing to train.
        """
        if mode != 'predict':
            name = type(self).__name__
            raise ValueError(f'{name} only predicts, but mode is {mode!r}; use test.py.')
        return self.predict(inputs, data_samples)

    @abstractmethod
    def predict(self, inputs: Any, data_samples: Sequence[Any]) -> list[Any]:
        """Return the samples of a batch; one with ``failed`` is passed on as it is."""
