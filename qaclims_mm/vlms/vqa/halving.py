"""Batches that are halved until they fit the device."""

from collections.abc import Callable, Sequence
from typing import Any

import torch


def halve_on_out_of_memory(
    function: Callable[[Any], list],
    batch: Sequence,
    size: int,
    refuse: Callable[[Any, Exception], Any] | None = None,
) -> list:
    """Apply a function to parts of a batch, half as large each time the device is out of memory.

    Args:
        function: Maps a part to a list of results, one an item.
        batch: The items.
        size: Items a part, to begin with.
        refuse: Returns the result of an item that does not fit by itself, or that the function
            refuses by a ``ValueError``; gets the item and the error. ``None`` raises the error.

    Raises:
        torch.OutOfMemoryError: If even one item does not fit.
    """
    errors = (torch.OutOfMemoryError, *([] if refuse is None else [ValueError]))
    results: list = []
    while len(results) < len(batch):
        part = batch[len(results) : len(results) + size]
        try:
            results += function(part)
        except errors as error:
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            if len(part) > 1:
                size = len(part) // 2
            elif refuse is None:
                raise
            else:
                results.append(refuse(part[0], error))
    return results
