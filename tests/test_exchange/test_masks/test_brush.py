import numpy as np
import pytest
from tiny_masks import brush_words

from qaclims_mm.exchange.masks.brush import decode_brush, encode_brush
from qaclims_mm.exchange.masks.runs import run_lengths


def packed(*fields):
    """Return bytes of (number, bits)."""
    bits = ''.join(f'{number:0{size}b}' for number, size in fields)
    bits += '0' * (-len(bits) % 8)
    return [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]


@pytest.mark.parametrize('shape', [(1, 1), (37, 52), (3, 70000)])
def test_there_and_back(shape):
    rng = np.random.default_rng(0)
    for pixels in (np.zeros(shape), np.ones(shape), rng.random(shape) < 0.5):
        pixels = pixels.astype(np.uint8)
        np.testing.assert_array_equal(decoded(brush(pixels), shape), pixels)


def test_an_independent_decoder_agrees():
    pixels = (np.random.default_rng(1).random((20, 30)) < 0.3).astype(np.uint8)
    pixels[:8] = 1
    words = brush_words(brush(pixels))
    assert (words == words[:, :1]).all()
    np.testing.assert_array_equal(words[:, 3].reshape(20, 30), pixels * 255)


def brush(pixels):
    return encode_brush(run_lengths(pixels.astype(np.uint8).reshape(-1)).tolist())


def decoded(content, size):
    mask = np.zeros(size, np.uint8)
    decode_brush(content, size).paint(mask, 1)
    return mask


HEAD = ((8, 32), (7, 5), (2, 4), (3, 4), (7, 4), (15, 4))


def test_words_one_by_one():
    # two pixels: RGBA 1, 2, 3, 200 and 9, 9, 9, 100
    words = ((1, 8), (2, 8), (3, 8), (200, 8), (9, 8), (9, 8), (9, 8), (100, 8))
    content = packed(*HEAD, (0, 1), (0, 2), (7, 3), *words)
    assert decoded(content, (1, 2)).tolist() == [[1, 0]]


BROKEN = {
    'empty': ([], (1, 2), 'its run lengths end too early'),
    'cut': (brush(np.eye(9))[:-3], (9, 9), 'its run lengths end too early'),
    'other size': (brush(np.eye(9)), (9, 8), 'its run lengths are of an image of another'),
    'too long': (packed(*HEAD, (1, 1), (2, 2), (200, 8), (1, 8)), (1, 2), 'longer than its image'),
    'no bytes': ([256, 1], (1, 2), r'bytes must be in range\(0, 256\)'),
}


@pytest.mark.parametrize(('content', 'size', 'message'), BROKEN.values(), ids=BROKEN)
def test_broken(content, size, message):
    with pytest.raises(ValueError, match=message):
        decode_brush(content, size)
