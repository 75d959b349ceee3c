"""The mask-adapted CLIP: ``ovseg_swinbase_vitL14_ft_mpt.pth``."""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from qaclims_mm.convert.coverage import OnCoverage, cover
from qaclims_mm.convert.files import check_free, read_checkpoint, write_safetensors
from qaclims_mm.convert.renaming import Rule, count_of, rename, size_of
from qaclims_mm.schemas import atomic_path

LICENCE = (
    "The weights of ov-seg's mask-adapted CLIP are under CC BY-NC 4.0: no commercial use. "
    'That holds for the converted files too.'
)
_CLIP = 'clip_adapter.clip_model.'
_PROMPTS = 'visual.mask_embedding'
_TOWERS = {(1024, 14): 'vitl14', (768, 16): 'vitb16', (768, 32): 'vitb32'}
_HEAD_WIDTH = 64  # of every attention of CLIP's


def rules_of(names: Sequence[str]) -> tuple[Rule, ...]:
    """Return the rules for a whole ov-seg, whose other parts are left out, or for CLIP alone."""
    extras = r'(?:input_resolution|context_length|vocab_size)'  # of OpenAI's own files
    if not any(name.startswith(_CLIP) for name in names):
        return (Rule(extras, None), Rule(r'(.+)', r'\1'))
    parts = sorted({name.split('.')[0] for name in names} - {'clip_adapter'})
    return (
        *(Rule(rf'{re.escape(part)}(?:\..+)?', None) for part in parts),
        Rule(r'clip_adapter\.(?!clip_model\.).+', None),
        Rule(re.escape(_CLIP) + extras, None),
        Rule(re.escape(_CLIP) + r'(.+)', r'\1'),
    )


def _sizes(state: Mapping[str, Tensor]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return open_clip's options of the image and the text encoder; ViT-L/14's where unknown."""
    width = size_of(state, 'visual.conv1.weight', 0, 1024)
    patch = size_of(state, 'visual.conv1.weight', 2, 14)
    tokens = size_of(state, 'visual.positional_embedding', 0, 257)
    text = size_of(state, 'token_embedding.weight', 1, 768)
    vision = dict(
        width=width,
        patch_size=patch,
        image_size=math.isqrt(max(tokens - 1, 1)) * patch,
        layers=count_of(state, r'visual\.transformer\.resblocks\.(\d+)\.') or 24,
        head_width=min(_HEAD_WIDTH, width),
    )
    words = dict(
        width=text,
        heads=max(1, text // _HEAD_WIDTH),
        layers=count_of(state, r'transformer\.resblocks\.(\d+)\.') or 12,
        vocab_size=size_of(state, 'token_embedding.weight', 0, 49408),
        context_length=size_of(state, 'positional_embedding', 0, 77),
    )
    return vision, words


def states_of_clip(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of open_clip's model of these sizes and its prompts, without memory.

    Raises:
        ImportError: If open_clip is not installed.
    """
    try:
        from open_clip.model import CLIP
    except ImportError as error:
        raise ImportError(
            "mask_clip needs open_clip_torch; run: pip install 'qaclims_mm[vlm]'"
        ) from error
    vision, words = _sizes(state)
    embed_dim = size_of(state, 'visual.proj', 1, 768)
    with torch.device('meta'):
        wanted = CLIP(embed_dim, vision, words, quick_gelu=True).state_dict()
        patches = (vision['image_size'] // vision['patch_size']) ** 2
        depth = size_of(state, _PROMPTS, 0, 3)
        wanted[_PROMPTS] = torch.empty(depth, patches, vision['width'])
    return wanted


def convert_mask_clip(
    source: str | Path,
    out: str | Path,
    force: bool = False,
    on_coverage: OnCoverage = lambda coverage: None,
) -> tuple[Path, Path]:
    """Convert ov-seg's CLIP to a file for open_clip and one with its mask prompts, both float32.

    Args:
        source: A whole ov-seg, of which only CLIP is taken, or CLIP alone.
        out: Folder for ``clip_vitl14_mask-adapted.safetensors``, which is ``pretrained`` of
            ``CLIPImageHead`` and ``CLIPTextHead``, and ``clip_vitl14_mask-prompt.safetensors``,
            its ``mask_prompt``; another ViT has another name.
        force: Whether to replace the files.
        on_coverage: See ``coverage.cover``.

    Returns:
        The two files.

    Raises:
        FormatError: If a file cannot be read or its weights are not those of a CLIP with prompts.

    Source:
        facts/official-code.md, item 17.
    """
    state = read_checkpoint(source)
    renamed = rename(state, rules_of(list(state)), str(source))
    width, patch = (size_of(renamed.state, 'visual.conv1.weight', axis, 0) for axis in (0, 2))
    tower = _TOWERS.get((width, patch), f'vit{width}-{patch}')
    paths = [Path(out) / f'clip_{tower}_mask-{part}.safetensors' for part in ('adapted', 'prompt')]
    for path in paths:
        check_free(path, force)
    hints = {_PROMPTS: f'{_PROMPTS} is what makes CLIP mask-adapted: take the file with mpt'}
    clip = cover(str(source), states_of_clip(renamed.state), renamed, on_coverage, hints)
    prompts = {'mask_embedding': clip.pop(_PROMPTS)}
    with atomic_path(paths[0]) as first, atomic_path(paths[1]) as second:
        write_safetensors(first, clip)
        write_safetensors(second, prompts)
    return paths[0], paths[1]
