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


# Grounding DINO knows the ends of phrases by the numbers that BERT gives to these
BERT = {'[PAD]': 0, '[UNK]': 100, '[CLS]': 101, '[SEP]': 102, '.': 1012, '?': 1029}
GROUNDING_DINO = dict(
    backbone_config=dict(
        model_type='swin', image_size=32, patch_size=4, embed_dim=8, depths=[1, 1, 1],
        num_heads=[2, 2, 2], window_size=2, out_features=['stage2', 'stage3'],
    ),
    text_config=dict(
        model_type='bert', vocab_size=1100, hidden_size=16, intermediate_size=16,
        num_hidden_layers=1, num_attention_heads=2, max_position_embeddings=64,
    ),
    d_model=32, num_queries=6, encoder_layers=1, decoder_layers=2, encoder_ffn_dim=16,
    decoder_ffn_dim=16, encoder_attention_heads=2, decoder_attention_heads=2,
    num_feature_levels=3, encoder_n_points=2, decoder_n_points=2, max_text_len=32,
)  # fmt: skip
OWLV2 = dict(
    text_config=TEXT, vision_config=VIT | dict(num_hidden_layers=2), projection_dim=16,
)  # fmt: skip
SAM = dict(
    vision_config=dict(
        image_size=64, patch_size=8, hidden_size=16, output_channels=16, num_hidden_layers=2,
        num_attention_heads=2, mlp_dim=32, window_size=4, global_attn_indexes=[1],
        num_pos_feats=8,
    ),
    prompt_encoder_config=dict(
        hidden_size=16, image_size=64, patch_size=8, image_embedding_size=8, mask_input_channels=4
    ),
    mask_decoder_config=dict(
        hidden_size=16, mlp_dim=32, num_attention_heads=2, iou_head_hidden_dim=16
    ),
)  # fmt: skip
SAM2 = dict(
    vision_config=dict(
        backbone_config=dict(
            model_type='sam2_hiera_det_model', hidden_size=8, image_size=[64, 64],
            blocks_per_stage=[1, 2, 2, 1], embed_dim_per_stage=[8, 16, 32, 64],
            num_attention_heads_per_stage=[1, 1, 2, 2], window_size_per_stage=[4, 2, 2, 2],
            global_attention_blocks=[4], window_positional_embedding_background_size=[2, 2],
        ),
        backbone_channel_list=[64, 32, 16, 8], fpn_hidden_size=32,
        backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]],
    ),
    prompt_encoder_config=dict(
        hidden_size=32, image_size=64, patch_size=16, mask_input_channels=4
    ),
    mask_decoder_config=dict(
        hidden_size=32, mlp_dim=32, num_attention_heads=2, iou_head_hidden_dim=16
    ),
)  # fmt: skip


def save_bert_tokenizer(folder):
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    words = BERT | {w: i for i, w in enumerate(VOCABULARY, start=200) if w not in BERT}
    special = dict(zip(('pad_token', 'unk_token', 'cls_token', 'sep_token'), BERT, strict=False))
    tokenizer = Tokenizer(models.WordLevel(words, unk_token=special['unk_token']))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single='[CLS] $A [SEP]', special_tokens=[('[CLS]', 101), ('[SEP]', 102)]
    )
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(
        folder
    )
    return folder


def make_grounding_dino(folder):
    config = transformers.GroundingDinoConfig(**GROUNDING_DINO)
    network = transformers.GroundingDinoForObjectDetection(config)
    spread_weights(network, std=0.2).save_pretrained(folder)
    return save_bert_tokenizer(folder)


def make_owlv2(folder):
    network = transformers.Owlv2ForObjectDetection(transformers.Owlv2Config(**OWLV2))
    spread_weights(network).save_pretrained(folder)
    return save_tokenizer(folder)


def make_sam(folder):
    network = transformers.SamModel(transformers.SamConfig(**SAM))
    spread_weights(network, std=0.2).save_pretrained(folder)
    return folder


def make_sam2(folder):
    network = transformers.Sam2Model(transformers.Sam2Config(**SAM2))
    spread_weights(network, std=0.2).save_pretrained(folder)
    return folder
