"""Read the networks of segmenters through transformers."""

from dataclasses import dataclass
from typing import Any

import torch

from qaclims_mm.errors import ConfigError
from qaclims_mm.ranges import check_whole
from qaclims_mm.vlms.clip.hf_read import read_or_make
from qaclims_mm.vlms.segment.inputs import import_transformers

DTYPES = ('float32', 'float16', 'bfloat16')


@dataclass(frozen=True)
class Pretrained:
    """The source of a network's weights.

    Args:
        model: Local folder, hub id or ``miniworld://``.
        config: Options of the network's config for random weights from ``seed``; ``None`` reads the
            weights of ``model``.
        dtype: One of ``DTYPES``; ``None`` is float32.
        seed: Seed of random weights.

    Raises:
        ConfigError: If an option is out of its range.
    """

    model: str
    config: dict | None = None
    dtype: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        check_whole(least=0, seed=self.seed)
        if self.dtype is not None and self.dtype not in DTYPES:
            raise ConfigError(f'dtype must be one of {DTYPES} or None, but got {self.dtype!r}.')

    def read(self, network: str, config: str, device: str | torch.device) -> Any:
        """Return the network, frozen and in eval mode.

        Args:
            network: Name of the network's class in transformers.
            config: Name of its config's class.
            device: Device of the network.

        Raises:
            ImportError: If transformers is not installed.
            FormatError: If the model cannot be read or lacks weights.
        """
        hf = import_transformers(network)
        options = getattr(hf, config)(**self.config) if self.config is not None else None
        made = read_or_make(getattr(hf, network), self.model, options, self.seed)
        return made.to(device, getattr(torch, self.dtype or 'float32'))
