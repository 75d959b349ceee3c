"""Batches that are halved until they fit the device."""

from collections.abc import Callable, Sequence
from typing import Any

import torch


def halve_on_out_of_memory(function: Callable[[Any], list], batch: Sequence, size: int) -> list:
    """Apply a function to parts of a batch, half as large each time the device is out of memory.

    Args:
        function: Maps a part to a list of results, one an item.
        batch: The items.
        size: Items a part, to begin with.

    Raises:
        torch.OutOfMemoryError: If even one item does not fit.
    """
    results: list = []
    while len(results) < len(batch):
        part = batch[len(results) : len(results) + size]
        try:
            results += function(part)
        except torch.OutOfMemoryError:
            if len(part) == 1:
                raise
            size = max(1, len(part) // 2)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
    return results
