"""Text-prompted segmenters of transformers with random weights, of a few kB."""

import pytest
import torch
from tiny_vlms import VOCABULARY, make_tokenizer

transformers = pytest.importorskip('transformers')
TEXT = dict(
    vocab_size=len(VOCABULARY), hidden_size=16, intermediate_size=32, num_hidden_layers=2,
    num_attention_heads=2, max_position_embeddings=16, bos_token_id=2, eos_token_id=3,
    pad_token_id=0,
)  # fmt: skip
VIT = dict(
    hidden_size=16, intermediate_size=32, num_hidden_layers=3, num_attention_heads=2,
    image_size=32, patch_size=8,
)  # fmt: skip
CLIPSEG = dict(
    text_config=TEXT, vision_config=VIT, projection_dim=12, extract_layers=[0, 1, 2], reduce_dim=8,
    decoder_num_attention_heads=2, decoder_intermediate_size=16,
)  # fmt: skip


def save_tokenizer(folder):
    """Write a tokenizer that ends each text with the end token, as CLIP's does."""
    from tokenizers import processors

    tokenizer = make_tokenizer()
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single='<s> $A </s>', special_tokens=[('<s>', 2), ('</s>', 3)]
    )
    tokenizer.save_pretrained(folder)
    return folder


def spread_weights(network, std=0.3):
    """Redraw weights: the first ones are so small that all inputs have nearly the same output."""
    torch.manual_seed(0)
    for parameter in network.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=std)
    return network


def make_clipseg(folder):
    network = transformers.CLIPSegForImageSegmentation(transformers.CLIPSegConfig(**CLIPSEG))
    spread_weights(network).save_pretrained(folder)
    return save_tokenizer(folder)


DETR = dict(hidden_size=16, num_attention_heads=2, intermediate_size=16)
SAM3 = dict(
    vision_config=dict(
        backbone_config=dict(
            model_type='sam3_vit_model', hidden_size=16, intermediate_size=32,
            num_hidden_layers=2, num_attention_heads=2,
            image_size=56, patch_size=14, window_size=2, global_attn_indexes=[1],
            pretrain_image_size=28,
        ),
        fpn_hidden_size=16, backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]],
    ),
    text_config=dict(TEXT, model_type='clip_text_model', projection_dim=12),
    geometry_encoder_config=DETR | dict(num_layers=1),
    detr_encoder_config=DETR | dict(num_layers=1),
    detr_decoder_config=DETR | dict(num_layers=2, num_queries=4),
    mask_decoder_config=dict(hidden_size=16, num_attention_heads=2, num_upsampling_stages=2),
)  # fmt: skip


def make_sam3(folder):
    network = transformers.Sam3Model(transformers.Sam3Config(**SAM3))
    spread_weights(network).save_pretrained(folder)
    return save_tokenizer(folder)
