"""Models of transformers with random weights, of a few kB, written as the hub has them."""

import pytest
import torch

transformers = pytest.importorskip('transformers')
SPECIAL = ['<pad>', '<unk>', '<s>', '</s>', '<image>', '<|image_pad|>', '<|video_pad|>', '<|vis|>']
WORDS = """
what is are above under behind the a dog train boat kind of in photo place scene it this also called
question short answer using single word or phrase user assistant grass tree sky water rails house
red tall green ? : . and with big
"""
VOCABULARY = [*SPECIAL, *WORDS.split()]
CHAT = (
    '{% for m in messages %}user : {% for c in m.content %}'
    "{% if c.type == 'image' %}IMAGE{% else %} {{ c.text }}{% endif %}"
    '{% endfor %}{% endfor %} assistant :'
)
VISION = dict(
    hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
    image_size=32, patch_size=8,
)  # fmt: skip
DECODER = dict(
    vocab_size=len(VOCABULARY), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
    pad_token_id=0, bos_token_id=2, eos_token_id=3,
)  # fmt: skip
QFORMER = dict(
    vocab_size=len(VOCABULARY), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
    intermediate_size=32, pad_token_id=0, max_position_embeddings=64,
)  # fmt: skip


def make_tokenizer(words=VOCABULARY, **options):
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    tokenizer = Tokenizer(
        models.WordLevel({w: i for i, w in enumerate(words)}, unk_token=SPECIAL[1])
    )
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    names = ('pad_token', 'unk_token', 'bos_token', 'eos_token')
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        additional_special_tokens=SPECIAL[4:],
        **dict(zip(names, SPECIAL, strict=False)),
        **options,
    )


def save(model, processor, folder):
    """Write a model and its processor; its answers are of all lengths and differ."""
    torch.manual_seed(0)
    for parameter in model.parameters():
        # the first weights are so small that all inputs have nearly the same features
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.3)
    # the most probable word is none of these, except the end
    silent = [i for i in range(len(SPECIAL)) if i != 3]
    model.get_output_embeddings().weight.data[silent] = 0
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def opt():
    return transformers.OPTConfig(
        ffn_dim=32, max_position_embeddings=64, word_embed_proj_dim=16,
        tie_word_embeddings=False, **DECODER,
    )  # fmt: skip


def llama():
    return transformers.LlamaConfig(intermediate_size=32, max_position_embeddings=128, **DECODER)


def t5():
    return transformers.T5Config(
        vocab_size=len(VOCABULARY), d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2,
        pad_token_id=0, eos_token_id=3, decoder_start_token_id=0, tie_word_embeddings=False,
    )  # fmt: skip


def make_blip2(folder, text=t5):
    config = transformers.Blip2Config(
        vision_config=transformers.Blip2VisionConfig(**VISION),
        qformer_config=transformers.Blip2QFormerConfig(**QFORMER),
        text_config=text(), num_query_tokens=4, image_token_index=4,
    )  # fmt: skip
    processor = transformers.Blip2Processor(
        transformers.BlipImageProcessor(size=dict(height=32, width=32)),
        make_tokenizer(), num_query_tokens=4,
    )  # fmt: skip
    return save(transformers.Blip2ForConditionalGeneration(config), processor, folder)


def make_instructblip(folder, text=llama):
    config = transformers.InstructBlipConfig(
        vision_config=transformers.InstructBlipVisionConfig(**VISION),
        qformer_config=transformers.InstructBlipQFormerConfig(**QFORMER),
        text_config=text(), num_query_tokens=4, image_token_index=4,
    )  # fmt: skip
    processor = transformers.InstructBlipProcessor(
        transformers.BlipImageProcessor(size=dict(height=32, width=32)),
        make_tokenizer(), make_tokenizer(), num_query_tokens=4,
    )  # fmt: skip
    return save(transformers.InstructBlipForConditionalGeneration(config), processor, folder)


def make_llava(folder):
    config = transformers.LlavaConfig(
        vision_config=transformers.CLIPVisionConfig(**VISION, projection_dim=16),
        text_config=llama(), image_token_index=4,
    )  # fmt: skip
    processor = transformers.LlavaProcessor(
        transformers.CLIPImageProcessor(size=dict(shortest_edge=32), crop_size=32),
        make_tokenizer(), patch_size=8, vision_feature_select_strategy='default',
        num_additional_image_tokens=1, chat_template=CHAT.replace('IMAGE', '<image>'),
    )  # fmt: skip
    return save(transformers.LlavaForConditionalGeneration(config), processor, folder)


def make_qwen(folder):
    """Write a Qwen2.5-VL, whose images have as many tokens as their size asks for."""
    side = dict(patch_size=8, temporal_patch_size=2)
    text = {k: v for k, v in DECODER.items() if k != 'hidden_size'}
    config = transformers.Qwen2_5_VLConfig(
        vision_config=dict(
            depth=2, hidden_size=16, intermediate_size=32, num_heads=2, out_hidden_size=24,
            spatial_merge_size=2, window_size=32, fullatt_block_indexes=[1], **side,
        ),
        text_config=dict(
            text, hidden_size=24, intermediate_size=32, num_key_value_heads=2,
            max_position_embeddings=256,
            rope_parameters=dict(rope_type='default', mrope_section=[2, 2, 2], rope_theta=1e4),
        ),
        image_token_id=5, video_token_id=6, vision_start_token_id=7, vision_end_token_id=7,
    )  # fmt: skip
    pixels = dict(min_pixels=32 * 32, max_pixels=64 * 64)
    processor = transformers.Qwen2_5_VLProcessor(
        transformers.Qwen2VLImageProcessor(**side, **pixels),
        make_tokenizer(),
        transformers.Qwen2VLVideoProcessor(**side, **pixels),
        chat_template=CHAT.replace('IMAGE', '<|vis|><|image_pad|><|vis|>'),
    )
    return save(transformers.Qwen2_5_VLForConditionalGeneration(config), processor, folder)


def make_idefics(folder):
    """Write an Idefics3, as SmolVLM is, which looks at an image whole and in parts."""
    config = transformers.Idefics3Config(
        vision_config=dict(VISION), text_config=llama(), image_token_id=4, scale_factor=2,
    )  # fmt: skip
    sides = dict(size=dict(longest_edge=64), max_image_size=dict(longest_edge=32))
    tags = ['<fake_token_around_image>', '<end_of_utterance>', '<global-img>']
    parts = [f'<row_{i}_col_{j}>' for i in range(1, 7) for j in range(1, 7)]
    config.text_config.vocab_size += len(tags) + len(parts)
    processor = transformers.Idefics3Processor(
        transformers.Idefics3ImageProcessor(**sides),
        make_tokenizer([*VOCABULARY, *tags, *parts]), image_seq_len=4,
        chat_template=CHAT.replace('IMAGE', '<image>'),
    )  # fmt: skip
    return save(transformers.Idefics3ForConditionalGeneration(config), processor, folder)


MODELS = {
    'blip2-t5': make_blip2,
    'blip2-opt': lambda folder: make_blip2(folder, opt),
    'instructblip-llama': make_instructblip,
    'instructblip-t5': lambda folder: make_instructblip(folder, t5),
    'llava': make_llava,
    'qwen': make_qwen,
    'idefics': make_idefics,
}


def write_by_hand(network, inputs, max_new_tokens):
    """Write greedily from the definition: all is read again for each token."""
    inputs, key = dict(inputs), written_key(network)
    inputs.setdefault(key, torch.tensor([[0]]))
    start = inputs[key].shape[1]
    while inputs[key].shape[1] < start + max_new_tokens:
        token = read_again(network, inputs)[0, -1].argmax()
        inputs = add_tokens(inputs, key, token[None])
        if token == 3:
            break
    return inputs[key][0, start:]


def written_key(network):
    decodes = network.config.text_config.is_encoder_decoder
    return 'decoder_input_ids' if decodes else 'input_ids'


def read_again(network, inputs):
    """Return the log-probabilities of all tokens."""
    return network(**inputs).logits.log_softmax(-1)


def score_by_hand(network, inputs, tokens):
    """Return the mean log-probability of an answer that is read once more."""
    inputs, key = dict(inputs), written_key(network)
    inputs.setdefault(key, torch.tensor([[0]]))
    logs = read_again(network, add_tokens(inputs, key, tokens))[0, -len(tokens) - 1 : -1]
    return float(logs.gather(1, tokens[:, None]).mean())


def add_tokens(inputs, key, tokens):
    added = {key: torch.cat([inputs[key], tokens[None]], 1)}
    if key == 'input_ids':
        added['attention_mask'] = torch.ones_like(added[key])
        if 'mm_token_type_ids' in inputs:
            added['mm_token_type_ids'] = torch.nn.functional.pad(
                inputs['mm_token_type_ids'], (0, len(tokens))
            )
    return inputs | added
