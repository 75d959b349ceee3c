"""Models of transformers with random weights, of a few kB, written as the hub has them."""

import torch
import transformers

SPECIAL = ['<pad>', '<unk>', '<s>', '</s>', '<image>']
WORDS = (
    'what is are above under behind the a dog train boat kind of in photo place scene it this also '
    'called question short answer using single word or phrase user assistant grass tree sky water '
    'rails house red tall green ? : . and with big'
).split()
VOCABULARY = [*SPECIAL, *WORDS]
CHAT = (
    '{% for m in messages %}user : {% for c in m.content %}'
    "{% if c.type == 'image' %}<image>{% else %} {{ c.text }}{% endif %}"
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
        additional_special_tokens=['<image>'],
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
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def opt():
    return transformers.OPTConfig(
        ffn_dim=32, max_position_embeddings=64, word_embed_proj_dim=16, **DECODER
    )


def llama():
    return transformers.LlamaConfig(intermediate_size=32, max_position_embeddings=128, **DECODER)


def t5():
    return transformers.T5Config(
        vocab_size=len(VOCABULARY), d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2,
        pad_token_id=0, eos_token_id=3, decoder_start_token_id=0,
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
        num_additional_image_tokens=1, chat_template=CHAT,
    )  # fmt: skip
    return save(transformers.LlavaForConditionalGeneration(config), processor, folder)
