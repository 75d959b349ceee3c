import functools

import pytest
import torch

from qaclims_mm.vlms.vqa.blip import BlipVQA
from qaclims_mm.vlms.vqa.blip_layers import encode_images, pad, project_image, read_text

pytest.importorskip('transformers')


@functools.cache
def network():
    model = BlipVQA('miniworld://blip')
    model.load()
    return model._blip


@pytest.mark.parametrize('side', [112, 64])
@torch.no_grad()
def test_images_are_those_of_transformers(side):
    pixels = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    wanted = network().vision_model(pixels, interpolate_pos_encoding=side != 112)[0]
    found = encode_images(network().vision_model, pixels, side != 112)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-4)


@torch.no_grad()
def test_texts_about_an_image_are_those_of_transformers():
    encoder = network().text_encoder
    random = torch.Generator().manual_seed(0)
    images = torch.randn(2, 9, encoder.config.encoder_hidden_size, generator=random)
    texts = [torch.randint(7, 30, (n,), generator=random) for n in (4, 6, 6, 3, 5, 2)]
    ids, mask = pad(texts)
    found = read_text(encoder, ids, project_image(encoder, images), mask)
    for number, (text, hidden) in enumerate(zip(texts, found, strict=True)):
        # three about each image
        wanted = encoder(text[None], encoder_hidden_states=images[number // 3][None])[0][0]
        torch.testing.assert_close(hidden[: len(text)], wanted, rtol=0, atol=1e-4)


def test_pad():
    items, mask = pad([torch.ones(2, 4), torch.ones(3, 4)])
    assert items.shape == (2, 3, 4)
    assert items.sum(2).tolist() == [[4, 4, 0], [4, 4, 4]]
    assert mask.shape == (2, 1, 1, 3)
    assert mask[:, 0, 0].tolist() == [[True, True, False], [True, True, True]]
