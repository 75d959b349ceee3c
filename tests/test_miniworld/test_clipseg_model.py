import open_clip
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from qaclims_mm.miniworld.clipseg_model import (
    IMAGE_SIZE,
    PATCH_SIZE,
    build_model,
    predict_logits,
    start_from_clip,
)
from qaclims_mm.paths import resolve


@pytest.fixture(scope='module')
def begun():
    """Return MiniWorld's CLIP and a CLIPSeg that starts from it."""
    name = f'local-dir:{resolve("miniworld://clip")}'
    clip = open_clip.create_model(name).eval()
    weights = load_file(resolve('miniworld://clip/open_clip_model.safetensors'))
    model = build_model(len(weights['token_embedding.weight'])).eval()
    start_from_clip(model, weights)
    return clip, open_clip.get_tokenizer(name), model


def test_it_starts_from_the_features_of_clip(begun):
    clip, tokenizer, model = begun
    images = torch.randn(2, 3, IMAGE_SIZE, IMAGE_SIZE)
    texts = tokenizer(['a photo of a cat', 'sailboat'])
    with torch.no_grad():
        torch.testing.assert_close(
            model.clip.get_image_features(images).pooler_output,
            clip.encode_image(images),
            atol=1e-4,
            rtol=1e-4,
        )
        mask = (texts != 0).long()
        features = model.clip.get_text_features(input_ids=texts, attention_mask=mask)
        torch.testing.assert_close(
            features.pooler_output, clip.encode_text(texts), atol=1e-4, rtol=1e-4
        )


def test_the_decoder_starts_from_the_similarity_of_patch_and_text(begun):
    _, _, model = begun
    texts, patches = torch.randn(2, 64), torch.randn(2, 5, 128)
    decoder = model.decoder
    mixed = decoder.film_mul(texts)[:, None] * decoder.reduces[0](patches)
    mixed = mixed + decoder.film_add(texts)[:, None]
    signs = torch.tensor([1.0, -1.0]).repeat(32)
    similarity = model.clip.visual_projection(patches) @ texts[:, :, None]
    torch.testing.assert_close((mixed * signs).sum(-1), similarity[..., 0], atol=1e-4, rtol=1e-4)
    cells = decoder.transposed_convolution((mixed.transpose(1, 2))[..., None])
    torch.testing.assert_close(
        cells[:, 0, ::PATCH_SIZE, 0], 0.25 * similarity[..., 0] - 2, atol=1e-4, rtol=1e-4
    )


def test_gradients_reach_both_encoders(begun):
    _, tokenizer, model = begun
    texts = tokenizer(['cat', 'boat'] * 2)
    tokens = dict(input_ids=texts, attention_mask=(texts != 0).long())
    reader = torch.nn.Linear(64, 1)
    logits, patches = predict_logits(
        model, reader, torch.randn(2, 3, IMAGE_SIZE, IMAGE_SIZE), tokens, 2
    )
    cells = IMAGE_SIZE // PATCH_SIZE
    assert logits.shape == (4, IMAGE_SIZE, IMAGE_SIZE)
    assert patches.shape == (4, cells, cells)
    model.zero_grad()
    (logits.mean() + F.softplus(patches).mean()).backward()
    assert model.clip.vision_model.embeddings.patch_embedding.weight.grad.abs().sum() > 0
    assert model.clip.text_model.embeddings.token_embedding.weight.grad.abs().sum() > 0
    assert reader.weight.grad.abs().sum() > 0
