import sys

import numpy as np
import pytest
import torch
from contracts import noise

from qaclims_mm.vlms.segment.inputs import import_transformers, normalise, read_tokenizer, tokenize


def test_an_image_of_the_same_size_is_only_normalised():
    image = noise(5, 7)
    made = normalise(image, (5, 7), 'half', 'cpu')
    expected = (image.astype(np.float32) / 255 - 0.5) / 0.5
    np.testing.assert_allclose(made[0].permute(1, 2, 0), expected, atol=1e-6)


@pytest.mark.filterwarnings('error')
def test_arrays_that_are_read_only_or_run_backwards():
    image = noise(5, 7)
    image.setflags(write=False)
    made = normalise(image, (5, 7), 'clip', 'cpu')
    assert torch.equal(normalise(image[:, ::-1], (5, 7), 'clip', 'cpu'), made.flip(-1))


def test_shrinking_averages():
    image = np.zeros((8, 8, 3), np.uint8)
    image[:, ::2] = 255  # without antialiasing the stripes would stay or vanish
    made = normalise(image, (2, 2), 'half', 'cpu')
    assert made.shape == (1, 3, 2, 2)
    assert made.abs().max() < 0.3


def test_tokens(tmp_path):
    pytest.importorskip('transformers')
    from tiny_segmenters import save_tokenizer

    tokenizer = read_tokenizer(str(save_tokenizer(tmp_path)))
    tokens = tokenize(tokenizer, ['dog', 'a ' * 40], 16, 'cpu')
    assert tokens['input_ids'].shape == (2, 16)
    assert tokens['attention_mask'].sum(1).tolist() == [3, 16]
    assert tokens['input_ids'].dtype == torch.int64


def test_without_transformers(monkeypatch):
    monkeypatch.setitem(sys.modules, 'transformers', None)
    with pytest.raises(ImportError, match=r'CLIPSeg needs transformers; run: pip install'):
        import_transformers('CLIPSeg')
