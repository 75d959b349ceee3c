"""Masks by a trained segmentor."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

import qaclims_mm.plugin  # noqa: F401 - registers what configs name
from qaclims_mm.datasets.collate import list_collate
from qaclims_mm.datasets.read_image import read_image
from qaclims_mm.engine.config import read_config
from qaclims_mm.inference.networks import build_network
from qaclims_mm.paths import config_file
from qaclims_mm.registry import TRANSFORMS
from qaclims_mm.schemas import resize_mask


def segment(
    images: str | Path | np.ndarray | Sequence[str | Path | np.ndarray],
    config: str | Path | Config,
    weights: str | Path,
    device: str = 'cpu',
) -> list[np.ndarray]:
    """Segment images by a model that was trained on the masks of a pipeline.

    Args:
        images: Paths, or RGB uint8 arrays ``(H, W, 3)``; one or several.
        config: Of the segmentor, ours or any of mmseg's: a file, or the name of one that ships.
        weights: Its checkpoint.
        device: Where it runs.

    Returns:
        For each image its mask, uint8 ``(H, W)`` (uint16 where a class is above 255): 0
        background, k + 1 classes. It is as large as the image, also where that is read smaller.

    Raises:
        FormatError: If a file is missing, or the weights are not the model's.

    Example:
        >>> from qaclims_mm.inference import segment
        >>> from qaclims_mm.miniworld.generate import make_picture
        >>> image = make_picture(seed=999, index=0, size=112)[1].image
        >>> name = 'deeplabv2_r18-mini_qa-clims-irn_1xb16-10e_miniworld-112x112'
        >>> weights = 'miniworld://segment/r18-mini.safetensors'
        >>> [mask] = segment(image, name, weights)
        >>> mask.shape, str(mask.dtype)
        ((112, 112), 'uint8')
    """
    init_default_scope('mmseg')
    cfg = config if isinstance(config, Config) else read_config(config_file(config))
    model = build_network(cfg.model, weights, device)
    given = [images] if isinstance(images, (str, Path, np.ndarray)) else list(images)
    reading, *steps = cfg.test_dataloader.dataset.pipeline
    steps = [TRANSFORMS.build(s) for s in steps if s.type not in ('LoadMask', 'LoadAnnotations')]
    options = {k: v for k, v in reading.items() if k in ('oriented', 'max_side')}
    masks = []
    for image in given:
        pixels, size = (
            (image, image.shape[:2])
            if isinstance(image, np.ndarray)
            else read_image(image, **options)
        )
        record: dict[str, Any] = dict(
            img=np.ascontiguousarray(pixels[..., ::-1]),
            img_path='' if isinstance(image, np.ndarray) else str(image),
            image_id='',
            img_shape=pixels.shape[:2],
            ori_shape=pixels.shape[:2],
        )
        for step in steps:
            record = step(record)
        with torch.no_grad():
            [sample] = model.test_step(list_collate([record]))
        mask = sample.pred_sem_seg.data.squeeze(0).cpu().numpy()
        mask = mask.astype(np.uint8 if mask.max(initial=0) <= 255 else np.uint16)
        masks.append(resize_mask(mask, size))
    return masks
