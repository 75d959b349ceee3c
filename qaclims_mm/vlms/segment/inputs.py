"""Prepare images and texts for the segmenters of transformers."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from qaclims_mm.vlms.clip.frozen import IMAGE_STATS
from qaclims_mm.vlms.clip.hf import SIGLIP_STATS
from qaclims_mm.vlms.clip.hf_read import read_pretrained

STATS = IMAGE_STATS | {'half': SIGLIP_STATS}


def import_transformers(needed_by: str) -> Any:
    """Return the module ``transformers``.

    Args:
        needed_by: Name of the model, for the message.

    Raises:
        ImportError: If it is not installed.
    """
    try:
        import transformers
    except ImportError as error:
        raise ImportError(
            f"{needed_by} needs transformers; run: pip install 'qaclims_mm[vlm]'"
        ) from error
    return transformers


def normalise(
    image: np.ndarray, size: tuple[int, int], stats: str, device: str | torch.device
) -> Tensor:
    """Resize an image (bilinear, antialiased) and normalise it.

    Args:
        image: RGB uint8, ``(H, W, 3)``.
        size: Height and width of the result in pixels.
        stats: Key of ``STATS``.
        device: Device of the result.

    Returns:
        Float32 ``(1, 3, *size)``.
    """
    # a copy: torch does not take arrays that are read-only or run backwards
    pixels = torch.from_numpy(image.copy()).to(device).permute(2, 0, 1)[None]
    resized = F.interpolate(pixels.float(), size=size, mode='bilinear', antialias=True)
    mean, std = (torch.tensor(v, device=device).view(3, 1, 1) for v in STATS[stats])
    return (resized / 255 - mean) / std


def read_tokenizer(model: str) -> Any:
    """Read the tokenizer of a model.

    Args:
        model: Local folder, hub id or ``miniworld://``.

    Raises:
        FormatError: If it cannot be read.
    """
    from transformers import AutoTokenizer

    return read_pretrained(AutoTokenizer.from_pretrained, model, 'tokenizer.json')


def tokenize(tokenizer: Any, texts: Any, length: int, device: str | torch.device) -> dict:
    """Tokenize texts of one batch.

    Args:
        tokenizer: Tokenizer of transformers.
        texts: T texts; texts that are too long are cut.
        length: Highest number of tokens per text.
        device: Device of the result.

    Returns:
        ``input_ids`` and ``attention_mask``, int64 ``(T, L)``.
    """
    tokens = tokenizer(
        list(texts), padding=True, truncation=True, max_length=length, return_tensors='pt'
    )
    return {name: tokens[name].to(device) for name in ('input_ids', 'attention_mask')}
