"""What an ONNX file says about itself: how images are read before it, and what its outputs mean.

Each value of ``metadata_props`` is JSON.
"""

import json
from typing import Any

import numpy as np

from qaclims_mm.exchange.onnx.graphs import MapsGraph, SegmentorGraph
from qaclims_mm.inference.cam_inferencer import THRESHOLD, CAMInferencer
from qaclims_mm.inference.segmenter import Segmenter
from qaclims_mm.schemas import voc_palette
from qaclims_mm.version import __version__

SCHEMA = 1
_LOGITS = (
    'logits (N, classes, H, W); the mask (N, H, W) is their argmax: an index of classes, 0 is the '
    'background'
)
_MAPS = (
    'maps (N, classes without the background, H, W) in [0, 1], the highest value of each is 1. '
    'Take the maps of the classes that are in the image. The mask of a pixel is 1 + the index of '
    'the class whose map is the highest, or 0 where none is above threshold'
)
_SCORES = (
    '; scores (N, classes without the background) are probabilities, a class is there from 0.5'
)


def metadata_of(
    predictor: Segmenter | CAMInferencer, graph: SegmentorGraph | MapsGraph, opset: int
) -> dict[str, str]:
    """Return the metadata of an ONNX file.

    Args:
        predictor: The network with its classes and its reading.
        graph: What is exported.
        opset: Version of ONNX's operators.
    """
    pipeline = predictor.cfg.test_dataloader.dataset.pipeline
    reading = predictor.reading
    resizes = [
        dict(scale=list(step.scale), keep_ratio=bool(step.get('keep_ratio')))
        for step in pipeline
        if step.type == 'Resize' and step.get('scale')
    ]
    makes_maps = isinstance(graph, MapsGraph)
    values: dict[str, Any] = dict(
        schema=SCHEMA,
        task='activation maps' if makes_maps else 'segmentation',
        classes=list(predictor.classes),
        # of files of masks, not of pictures
        palette=np.reshape(voc_palette(), (256, 3))[: len(predictor.classes)].tolist(),
        input='RGB uint8 (N, 3, H, W); normalisation is in the graph',
        mean=graph.mean.flatten().tolist(),
        std=graph.std.flatten().tolist(),
        channel_order='RGB' if makes_maps or graph.takes_rgb else 'BGR',
        divisor=1 if makes_maps else graph.divisor,
        oriented=bool(reading.get('oriented')),
        max_side=reading.get('max_side'),
        resize=resizes,
        output=_MAPS + (_SCORES if makes_maps and graph.tells else '') if makes_maps else _LOGITS,
        opset=opset,
        made_by=f'qaclims_mm {__version__}',
    )
    if makes_maps:
        values['threshold'] = THRESHOLD
    return {key: json.dumps(value, ensure_ascii=False) for key, value in values.items()}
