"""MiniWorld's CLIPSeg: transformers' own model at the sizes of MiniWorld's CLIP, and its start.

Shapes: B pictures of a batch, T texts a picture, S side of the input, C patches a side.
"""

from typing import Any

import torch
from torch import Tensor, nn

from qaclims_mm.miniworld.clip_recipe import SPECIAL

IMAGE_SIZE = 96
PATCH_SIZE = 8
WIDTH = 128


def build_model(vocab_size: int) -> Any:
    """Return transformers' CLIPSeg with the sizes of MiniWorld's CLIP and random weights."""
    from transformers import CLIPSegConfig, CLIPSegForImageSegmentation

    text = dict(
        vocab_size=vocab_size,
        hidden_size=64,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=12,
        pad_token_id=SPECIAL.index('[PAD]'),
        bos_token_id=SPECIAL.index('[BOS]'),
        eos_token_id=SPECIAL.index('[EOS]'),
    )
    vision = dict(
        hidden_size=WIDTH,
        intermediate_size=4 * WIDTH,
        num_hidden_layers=3,
        num_attention_heads=4,
        image_size=IMAGE_SIZE,
        patch_size=PATCH_SIZE,
    )
    config = CLIPSegConfig(
        text_config=text,
        vision_config=vision,
        projection_dim=64,
        extract_layers=[0, 1, 2],
        reduce_dim=64,
        decoder_num_attention_heads=4,
        decoder_intermediate_size=128,
    )
    return CLIPSegForImageSegmentation(config)


def start_from_clip(model: Any, weights: dict[str, Tensor]) -> None:
    """Copy the weights of MiniWorld's CLIP into the CLIP of a CLIPSeg.

    Args:
        model: The CLIPSeg.
        weights: State of open_clip's model; its text encoder has the same vocabulary.

    Raises:
        KeyError: If a weight is missing.
    """
    state = dict(logit_scale=weights['logit_scale'])
    state |= _copy_vision({k.removeprefix('visual.'): v for k, v in weights.items()})
    state |= {
        'text_model.embeddings.token_embedding.weight': weights['token_embedding.weight'],
        'text_model.embeddings.position_embedding.weight': weights['positional_embedding'],
        'text_projection.weight': weights['text_projection'].T,
    }
    for name in ('weight', 'bias'):
        state[f'text_model.final_layer_norm.{name}'] = weights[f'ln_final.{name}']
    state |= _copy_layers(weights, 'transformer.', 'text_model.')
    state |= _copy_layers(weights, 'visual.transformer.', 'vision_model.')
    model.clip.load_state_dict({k: v.float().contiguous() for k, v in state.items()})
    _start_from_similarity(model)


@torch.no_grad()
def _start_from_similarity(model: Any) -> None:
    """Let the decoder begin with the similarity of patch and text that CLIP's projections give.

    Their products have alternating signs, since the layer norm behind them removes the mean; the
    last layer sums them up again.
    """
    decoder = model.decoder
    signs = torch.ones(model.config.reduce_dim)
    signs[1::2] = -1
    decoder.reduces[0].weight.copy_(model.clip.visual_projection.weight)
    decoder.film_mul.weight.copy_(signs.diag())
    for layer in (decoder.film_add, *decoder.reduces[1:]):
        layer.weight.zero_()
    for layer in (decoder.film_mul, decoder.film_add, *decoder.reduces):
        layer.bias.zero_()
    decoder.transposed_convolution.weight.copy_(0.25 * signs.view(-1, 1, 1, 1))
    decoder.transposed_convolution.bias.fill_(-2)


def _copy_vision(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    state = {
        'vision_model.embeddings.class_embedding': weights['class_embedding'],
        'vision_model.embeddings.patch_embedding.weight': weights['conv1.weight'],
        'vision_model.embeddings.position_embedding.weight': weights['positional_embedding'],
        'visual_projection.weight': weights['proj'].T,
    }
    for name in ('weight', 'bias'):
        state[f'vision_model.pre_layrnorm.{name}'] = weights[f'ln_pre.{name}']
        state[f'vision_model.post_layernorm.{name}'] = weights[f'ln_post.{name}']
    return state


def _copy_layers(weights: dict[str, Tensor], source: str, target: str) -> dict[str, Tensor]:
    names = dict(
        ln_1='layer_norm1', ln_2='layer_norm2', c_fc='mlp.fc1', c_proj='mlp.fc2',
        out_proj='self_attn.out_proj',
    )  # fmt: skip
    state = {}
    for key, value in weights.items():
        if not key.startswith(f'{source}resblocks.'):
            continue
        number, *_, module, kind = key.removeprefix(f'{source}resblocks.').split('.')
        layer = f'{target}encoder.layers.{number}.'
        if kind.startswith('in_proj_'):
            for part, chunk in zip('qkv', value.chunk(3), strict=True):
                name = kind.removeprefix('in_proj_')
                state[f'{layer}self_attn.{part}_proj.{name}'] = chunk
        else:
            state[f'{layer}{names[module]}.{kind}'] = value
    return state


def predict_logits(
    model: Any, reader: nn.Module, images: Tensor, tokens: Any, texts: int
) -> tuple[Tensor, Tensor]:
    """Return the logits of texts, with gradients for all weights.

    Args:
        model: The CLIPSeg, whose own ``forward`` holds its CLIP fixed.
        reader: Layer that reads a logit from each patch before the decoder's transformer.
        images: Normalised, ``(B, 3, S, S)``.
        tokens: Token ids and attention mask of B T texts.
        texts: T.

    Returns:
        Logits of the decoder ``(B T, S, S)`` and of the reader ``(B T, C, C)``, C patches a side.
    """
    states = model.clip.vision_model(pixel_values=images, output_hidden_states=True).hidden_states
    layers = [states[i + 1].repeat_interleave(texts, dim=0) for i in model.extract_layers]
    features = model.clip.get_text_features(**tokens).pooler_output
    decoder = model.decoder
    mixed = decoder.film_mul(features)[:, None] * decoder.reduces[0](layers[-1])
    mixed = mixed + decoder.film_add(features)[:, None]
    cells = IMAGE_SIZE // PATCH_SIZE
    patches = reader(mixed[:, 1:]).view(-1, cells, cells)
    return decoder(layers, features).logits, patches
