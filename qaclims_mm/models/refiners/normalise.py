"""How refined maps are brought to [0, 1]."""

import torch
from torch import Tensor

NORMALISATIONS = ('image', 'class')


def check_normalisation(name: str) -> None:
    """Refuse an unknown way.

    Raises:
        ValueError: If it is none of ``NORMALISATIONS``.
    """
    if name not in NORMALISATIONS:
        raise ValueError(f'normalise must be one of {NORMALISATIONS}, but got {name!r}.')


def divide_by_peak(maps: Tensor, normalise: str) -> Tensor:
    """Divide non-negative maps ``(n, H, W)``, n > 0, in place by their highest peak.

    Args:
        maps: Maps of one image, which are changed.
        normalise: By the peak of the ``image`` (released code) or each by that of its ``class``.
    """
    peak = maps.amax() if normalise == 'image' else maps.amax((1, 2), keepdim=True)
    return maps.div_(peak.clamp(min=torch.finfo(maps.dtype).tiny))
