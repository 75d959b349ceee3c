"""How samples become a batch."""

from collections.abc import Sequence
from typing import Any

from mmengine.registry import FUNCTIONS


@FUNCTIONS.register_module()
def list_collate(samples: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return {key: list of the samples' values}, whatever these are.

    mmengine's ``pseudo_collate`` turns lists of scales by image into lists of images by scale.
    """
    return {key: [sample[key] for sample in samples] for key in samples[0]}
