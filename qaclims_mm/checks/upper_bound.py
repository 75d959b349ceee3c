"""What CLIP makes of the true regions: the bound of what it can teach a CAM network.

Shapes: K classes, P present classes of an image, D embedding, H W pixels.
"""

from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from torch import Tensor
from torch.nn import functional as F

from qaclims_mm.corpus.text_bank import TextBank
from qaclims_mm.errors import ConfigError, DataError
from qaclims_mm.evaluation.cam_metric import CAMMetric
from qaclims_mm.functional.cam import merge_multiscale_cams
from qaclims_mm.models.classifiers.ritc import RITC
from qaclims_mm.progress import track
from qaclims_mm.registry import DATASETS, MODELS


def true_maps(mask: Tensor, labels: Tensor, cells: tuple[int, int]) -> Tensor:
    """Return the true regions as maps of the network's resolution.

    Args:
        mask: Ground truth, ``(H, W)``: 0 background, k + 1, 255 ignore.
        labels: Class indices k, ``(P,)``.
        cells: Height and width of the network's maps.

    Returns:
        Share of each cell that a class covers, float32 ``(P, *cells)``.
    """
    regions = (mask[None] == labels[:, None, None] + 1).float()
    return F.adaptive_avg_pool2d(regions[None], cells)[0]


@torch.no_grad()
def clip_upper_bound(cfg: Config) -> dict[str, float]:
    """Measure a config's CLIP on the true regions of its test set.

    ``cam/recognised``: share, in percent, of true regions that match their own class name best
    among all; the other metrics: those of ``CAMMetric`` for maps that are the true regions at the
    network's resolution, without the classes that CLIP does not recognise.

    Args:
        cfg: Config of a ``RITC`` whose text bank exists.

    Raises:
        ConfigError: If the config has no text bank.
        DataError: If the text bank lacks a class, or no record can be used.
    """
    if not cfg.get('model', {}).get('text_bank'):
        raise ConfigError(f'{cfg.filename} has no model.text_bank; the bound is of a RITC config.')
    model = MODELS.build(cfg.model).to(get_device()).eval()
    model.load_texts()
    source = cfg.test_dataloader.dataset.copy()
    source.pipeline = [
        dict(type='LoadRGBImage'),
        dict(type='LoadMask'),
        dict(type='PackWeakInputs'),
    ]
    dataset = DATASETS.build(source | dict(strict=True))
    names = _class_texts(model, dataset.class_names)
    metric = CAMMetric()
    metric.dataset_meta = dataset.metainfo
    right: list[bool] = []
    for record in track(dataset, 'true regions', len(dataset)):
        sample, hits = _measure(model, record, names)
        right += hits
        metric.process({}, [sample.to_dict()])
    if not right:
        raise DataError('no image of the test set has a label and its region.')
    return {**metric.evaluate(len(dataset)), 'cam/recognised': 100 * sum(right) / len(right)}


def _class_texts(model: RITC, class_names: tuple[str, ...]) -> Tensor:
    bank = TextBank(model.text_bank)
    rows = {text: row for row, text in enumerate(bank.texts)}
    missing = [name for name in class_names if name not in rows]
    if missing:
        raise DataError(
            f'{bank.folder} has no text for the classes {missing}: no image of its corpus has them.'
        )
    return model.text_embeddings[[rows[name] for name in class_names]].float()


def _measure(model: RITC, record: dict, names: Tensor) -> tuple[Any, list[bool]]:
    """Return the sample with the maps of its recognised classes, and which were recognised."""
    batch = dict(inputs=[record['inputs']], data_samples=[record['data_samples']])
    data = model.data_preprocessor(batch, training=True)
    sample, inputs = data['data_samples'][0], data['inputs']
    mask = sample.gt_sem_seg.data[0]
    labels = sample.class_indices[
        (mask[None] == sample.class_indices[:, None, None] + 1).any(-1).any(-1)
    ]
    height, width = mask.shape
    rows, columns = model.logits(inputs[..., :height, :width]).shape[-2:]
    hits = torch.zeros_like(labels, dtype=torch.bool)
    if len(labels):
        regions = inputs.new_zeros(len(labels), 1, *inputs.shape[-2:])
        regions[..., :height, :width] = (mask[None] == labels[:, None, None] + 1)[:, None]
        features, _ = model.encode_regions(inputs, regions, torch.zeros_like(labels))
        hits = (F.normalize(features.float(), dim=-1) @ names.T).argmax(1) == labels
    maps = true_maps(mask, labels[hits], (rows, columns))
    sample.set_field(labels[hits], 'cam_class_indices')
    sample.set_field(merge_multiscale_cams([maps], (height, width))[1], 'cam_high_res')
    return sample, hits.tolist()
