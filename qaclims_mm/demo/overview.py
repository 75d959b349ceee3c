"""The banner of the page: which networks run, with which weights, preset and device."""

import html
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

import torch

from qaclims_mm.demo.networks import Networks
from qaclims_mm.paths import SHIPPED

NOTHING_TRAINED = 'needs no training'


def overview(networks: Networks, device: torch.device) -> list[tuple[str, str]]:
    """Return what runs, as rows of title and text.

    Folders of the server are left out, since others may read the page.

    Args:
        networks: Networks of the page.
        device: Where they run.
    """
    rows = []
    if networks.config is not None:
        weights = _named(networks.weights_name) if networks.weights_name else NOTHING_TRAINED
        rows.append(('activation maps', f'{_network(networks.config.model)}, {weights}'))
    if (segmentor := networks.segmentor) is not None:
        name = _named(str(segmentor.file))
        rows.append(('segmentor', f'{_network(segmentor.config.model)}, {name}'))
    if networks.qape is not None:
        vqa = networks.qape.model.vqa
        rows.append(('VQA model', f'{vqa.type}, {_named(str(vqa.get("model", "")))}'))
    if networks.refiner is not None:
        rows.append(('refiner', networks.refiner.model.type))
    if networks.preset:
        rows.append(('preset', networks.preset))
    return [*rows, ('device', _describe_device(device))]


def overview_html(rows: Sequence[tuple[str, str]], warning: str) -> str:
    """Return what runs, and why its masks mean nothing if they do, as HTML."""
    items = ''.join(
        f'<div><dt>{html.escape(title)}</dt><dd>{html.escape(text)}</dd></div>'
        for title, text in rows
    )
    shown = f'<p class="warning" role="note">{html.escape(warning)}</p>' if warning else ''
    return f'{shown}<dl class="overview">{items}</dl>'


def _network(model: Mapping[str, Any]) -> str:
    """Return the type of a network and of its backbone."""
    backbone = model.get('backbone')
    if not isinstance(backbone, Mapping):
        return str(model['type'])
    return f'{model["type"]} with {backbone["type"]}{_depth(backbone.get("depth"))}'


def _depth(depth: Any) -> str:
    return f'-{depth}' if isinstance(depth, int) else ''


def _named(weights: str) -> str:
    """Return the name of weights: the stage and the file of a path, or an address as it is."""
    if weights.startswith(SHIPPED):
        return f'weights {weights.removeprefix(SHIPPED)} of MiniWorld'
    is_path = '://' not in weights and PurePath(weights).is_absolute()
    return f'weights {"/".join(PurePath(weights).parts[-2:]) if is_path else weights}'


def _describe_device(device: torch.device) -> str:
    if device.type == 'cuda':
        return f'GPU ({torch.cuda.get_device_name(device)})'
    return device.type.upper() if device.type in ('cpu', 'mps') else device.type
