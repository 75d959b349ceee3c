"""Salesforce's BLIP for questions: ``model_base_vqa_capfilt_large.pth``."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from qaclims_mm.convert.coverage import OnCoverage, cover
from qaclims_mm.convert.files import (
    atomic_folder,
    check_free,
    read_checkpoint,
    write_safetensors,
)
from qaclims_mm.convert.renaming import Rule, count_of, rename, size_of
from qaclims_mm.errors import FormatError

_LAYER = r'visual_encoder\.blocks\.(\d+)\.'
_OUR_LAYER = r'vision_model.encoder.layers.\1.'
BLIP_RULES = (
    # counters of BERT, which are part of its code now
    Rule(r'text_(?:encoder|decoder\.bert)\.embeddings\.position_ids', None),
    Rule(r'(text_(?:encoder|decoder)\..+)', r'\1'),
    Rule(r'visual_encoder\.cls_token', 'vision_model.embeddings.class_embedding'),
    Rule(r'visual_encoder\.pos_embed', 'vision_model.embeddings.position_embedding'),
    Rule(r'visual_encoder\.patch_embed\.proj\.(.+)', r'vision_model.embeddings.patch_embedding.\1'),
    Rule(r'visual_encoder\.norm\.(.+)', r'vision_model.post_layernorm.\1'),
    Rule(_LAYER + r'norm([12])\.(.+)', _OUR_LAYER + r'layer_norm\2.\3'),
    Rule(_LAYER + r'attn\.qkv\.(.+)', _OUR_LAYER + r'self_attn.qkv.\2'),
    Rule(_LAYER + r'attn\.proj\.(.+)', _OUR_LAYER + r'self_attn.projection.\2'),
    Rule(_LAYER + r'mlp\.(fc[12]\..+)', _OUR_LAYER + r'mlp.\2'),
)
# The decoder's last layer is its first: transformers stores the weight once.
_PREDICTIONS = 'text_decoder.cls.predictions'
_TIED = {
    f'{_PREDICTIONS}.decoder.weight': 'text_decoder.bert.embeddings.word_embeddings.weight',
    f'{_PREDICTIONS}.decoder.bias': f'{_PREDICTIONS}.bias',
}
_HEAD_WIDTH = 64  # of every attention of BLIP's, base and large


def read_tokenizer(folder: str | Path) -> Any:
    """Read BERT's tokenizer and add BLIP's two tokens: [DEC] begins an answer, [ENC] a question.

    Raises:
        FormatError: If the folder has no vocabulary.
    """
    from transformers import BertTokenizer

    if not Path(folder).is_dir():
        raise FileNotFoundError(f"{folder} does not exist; give a folder with BERT's vocab.txt.")
    try:
        tokenizer = BertTokenizer.from_pretrained(str(folder))
    except (OSError, ValueError) as error:
        raise FormatError(f'{folder} has no readable tokenizer ({error}).') from error
    # transformers says nothing if there is no vocabulary
    if not set(tokenizer.get_vocab()) - set(tokenizer.all_special_tokens):
        raise FormatError(f'{folder} has no vocabulary; add the vocab.txt of bert-base-uncased.')
    tokenizer.add_special_tokens({'bos_token': '[DEC]'})
    tokenizer.add_special_tokens({'additional_special_tokens': ['[ENC]']})
    return tokenizer


def config_of(state: Mapping[str, Tensor], tokenizer: Any) -> Any:
    """Return transformers' config of a BLIP with these weights; BLIP base's where unknown."""
    from transformers import BlipConfig

    patch = 'vision_model.embeddings.patch_embedding.weight'
    width, side = size_of(state, patch, 0, 768), size_of(state, patch, 2, 16)
    tokens = size_of(state, 'vision_model.embeddings.position_embedding', 1, 901)
    layer, words = 'text_encoder.encoder.layer.', 'text_encoder.embeddings.'
    hidden = size_of(state, f'{words}word_embeddings.weight', 1, 768)
    vision = dict(
        hidden_size=width,
        intermediate_size=size_of(state, 'vision_model.encoder.layers.0.mlp.fc1.weight', 0, 3072),
        num_hidden_layers=count_of(state, r'vision_model\.encoder\.layers\.(\d+)\.') or 12,
        num_attention_heads=max(1, width // _HEAD_WIDTH),
        image_size=math.isqrt(max(tokens - 1, 1)) * side,
        patch_size=side,
        layer_norm_eps=1e-6,  # timm's, of which the released ViT is one
    )
    text = dict(
        vocab_size=size_of(state, f'{words}word_embeddings.weight', 0, 30524),
        hidden_size=hidden,
        encoder_hidden_size=width,
        intermediate_size=size_of(state, f'{layer}0.intermediate.dense.weight', 0, 3072),
        num_hidden_layers=count_of(state, r'text_encoder\.encoder\.layer\.(\d+)\.') or 12,
        num_attention_heads=max(1, hidden // _HEAD_WIDTH),
        max_position_embeddings=size_of(state, f'{words}position_embeddings.weight', 0, 512),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.sep_token_id,
        sep_token_id=tokenizer.sep_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return BlipConfig(
        text_config=text,
        vision_config=vision,
        architectures=['BlipForQuestionAnswering'],
        dtype='float32',
    )


def convert_blip(
    source: str | Path,
    out: str | Path,
    tokenizer: str | Path,
    force: bool = False,
    on_coverage: OnCoverage = lambda coverage: None,
) -> None:
    """Convert BLIP to a folder for transformers, which is ``model`` of ``BlipVQA``.

    Args:
        source: Released ``.pth``.
        out: Folder to write: config, weights and tokenizer.
        tokenizer: Folder with the vocabulary of bert-base-uncased.
        force: Whether to replace ``out``.
        on_coverage: See ``coverage.cover``.

    Raises:
        ImportError: If transformers is not installed.
        FormatError: If a file cannot be read, its weights are not those of BLIP, or the vocabulary
            is another one.
    """
    try:
        from transformers import BlipForQuestionAnswering
    except ImportError as error:
        raise ImportError("blip needs transformers; run: pip install 'qaclims_mm[vlm]'") from error
    check_free(out, force, 'config.json')
    words = read_tokenizer(tokenizer)
    renamed = rename(read_checkpoint(source), BLIP_RULES, str(source))
    config = config_of(renamed.state, words)
    with torch.device('meta'):
        wanted = BlipForQuestionAnswering(config).state_dict()
    state = cover(str(source), wanted, renamed, on_coverage)
    if len(words) != config.text_config.vocab_size:
        raise FormatError(
            f'{tokenizer} has {len(words)} tokens with [DEC] and [ENC], but {source} knows '
            f'{config.text_config.vocab_size}; give the vocabulary of bert-base-uncased.'
        )
    for last, first in _TIED.items():
        if not torch.equal(state.pop(last), state[first]):
            raise FormatError(f'{source} has another {last} than {first}, which BLIP shares.')
    with atomic_folder(out) as folder:
        write_safetensors(folder / 'model.safetensors', state)
        config.save_pretrained(folder)
        words.save_pretrained(folder)
