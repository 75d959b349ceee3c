"""The layers of BLIP, run over many questions about an image that is encoded once.

Shapes: B images or live questions, R texts that see the same, L tokens, N patches, E features.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from torch.nn.utils.rnn import pad_sequence

KeysValues = tuple[Tensor, Tensor]


class Past(Protocol):
    """The tokens before those that are read.

    Attributes:
        length: Tokens of each text, ``(B,)``.
    """

    length: Tensor

    def add(self, layer: int, keys: Tensor, values: Tensor) -> KeysValues:
        """Add keys and values of a layer, ``(B, heads, L, D)``; return those of all tokens."""


def pad(items: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Stack items ``(L, ...)`` of different lengths.

    Returns:
        The items, filled up with zeros, and the mask ``(B, 1, 1, L)`` of what is theirs.
    """
    lengths = torch.tensor([len(x) for x in items])
    mask = torch.arange(int(lengths.max())) < lengths[:, None]
    return pad_sequence(list(items), batch_first=True), mask[:, None, None].to(items[0].device)


def encode_images(vision: Any, pixels: Tensor, interpolate: bool) -> Tensor:
    """Return what ``BlipVisionModel`` does, ``(B, N, E)``.

    transformers' own attention writes out the matrix of all pairs of patches, which takes a third
    of the time.
    """
    hidden = vision.embeddings(pixels, interpolate_pos_encoding=interpolate)
    for layer in vision.encoder.layers:
        attention = layer.self_attn
        projected = attention.qkv(layer.layer_norm1(hidden))
        split = projected.unflatten(2, (3, attention.num_heads, -1)).permute(2, 0, 3, 1, 4)
        context = scaled_dot_product_attention(*split)
        hidden = hidden + attention.projection(context.transpose(1, 2).flatten(2))
        hidden = hidden + layer.mlp(layer.layer_norm2(hidden))
    return vision.post_layernorm(hidden)


def read_text(
    model: Any,
    ids: Tensor,
    seen: Iterable[KeysValues],
    mask: Tensor,
    seen_mask: Tensor | None = None,
    past: Past | None = None,
) -> Tensor:
    """Return what ``BlipTextModel`` does, ``(B * R, L, E)``.

    transformers' own cross-attention projects what is seen for each text, and ignores its mask.

    Args:
        model: A ``BlipTextModel``.
        ids: ``(B * R, L)``, R texts in a row that see the same.
        seen: Keys and values ``(B, heads, N, D)`` of what is seen, one a layer.
        mask: True where a token attends to a token of its text, broadcast to
            ``(B * R, heads, L, L)``, or with a past ``(B * R, heads, L, tokens of the past)``.
        seen_mask: True where there is something to see, ``(B, 1, 1, N)``.
        past: The tokens before, to which those of ``ids`` are added.
    """
    if past is None:
        positions = torch.arange(ids.shape[1], device=ids.device)
    else:
        positions = past.length[:, None]
    hidden = model.embeddings(input_ids=ids, position_ids=positions.expand_as(ids))
    for number, (layer, (keys, values)) in enumerate(zip(model.encoder.layer, seen, strict=True)):
        own = project(layer.attention.self, hidden)
        if past is not None:
            own = past.add(number, *own)
        hidden = attend(layer.attention, hidden, *own, mask)
        # the texts that see the same are one long text to the cross-attention
        joined = hidden.reshape(len(keys), -1, hidden.shape[2])
        looked = attend(layer.crossattention, joined, keys, values, seen_mask)
        hidden = layer.feed_forward_chunk(looked.view_as(hidden))
    return hidden


def attend(
    attention: Any, hidden: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None
) -> Tensor:
    """Return what ``BlipTextAttention`` does, ``(B, L, E)``, its keys and values given."""
    queries = _split_heads(attention.self, attention.self.query(hidden))
    context = scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
    return attention.output(context.transpose(1, 2).flatten(2), hidden)


def project(attention: Any, states: Tensor) -> KeysValues:
    """Return an attention's keys and values ``(B, heads, N, D)`` of states ``(B, N, E)``."""
    keys, values = attention.key(states), attention.value(states)
    return _split_heads(attention, keys), _split_heads(attention, values)


def _split_heads(attention: Any, states: Tensor) -> Tensor:
    return states.unflatten(2, (-1, attention.attention_head_size)).transpose(1, 2)


def project_image(text_model: Any, image: Tensor) -> Iterator[KeysValues]:
    """Yield each layer's cross-attention keys and values of images ``(B, N, E)``."""
    for layer in text_model.encoder.layer:
        yield project(layer.crossattention.self, image)
