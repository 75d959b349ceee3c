"""Label Studio's brush: the bits of its run lengths.

The format is that of the JavaScript package rle-pack. A head has the number of words (32 bits), the
bits of a word less 1 (5), and four sizes less 1 (4 each). Chunks follow: a bit that says whether
one word is repeated, the number of one of the sizes (2 bits), how many words less 1 in as many bits
as that size says, and the word or words. A pixel has four words (RGBA); the fourth says how much it
is painted.
"""

from collections.abc import Sequence

import numpy as np

from qaclims_mm.exchange.masks.raster import Patch

_CHANNELS, _WORD = 4, 8
_SIZES = (3, 4, 8, 16)
_LONGEST = 1 << _SIZES[-1]
_PAINTED = 128


def encode_brush(runs: Sequence[int]) -> list[int]:
    """Return the bytes of a mask.

    Args:
        runs: Lengths of the runs of 0 and 1 along its rows; see ``runs``.
    """
    bits = [f'{sum(runs) * _CHANNELS:032b}{_WORD - 1:05b}']
    bits += [f'{size - 1:04b}' for size in _SIZES]
    for number, run in enumerate(runs):
        word = f'{255 * (number % 2):0{_WORD}b}'
        left = run * _CHANNELS
        while left:
            count = min(left, _LONGEST)
            index = next(i for i, size in enumerate(_SIZES) if count <= 1 << size)
            bits.append(f'1{index:02b}{count - 1:0{_SIZES[index]}b}{word}')
            left -= count
    flat = np.frombuffer(''.join(bits).encode(), np.uint8) - ord('0')
    return np.packbits(flat).tolist()


class _Bits:
    """Bits, read from the first to the last."""

    def __init__(self, content: bytes) -> None:
        self._content, self._place = content, 0
        self._length = 8 * len(content)

    def read(self, number: int) -> int:
        """Return the next bits, at most 32, as a number.

        Raises:
            ValueError: If they end before.
        """
        end = self._place + number
        if end > self._length:
            raise ValueError('its run lengths end too early')
        first, last = self._place // 8, -(-end // 8)
        value = int.from_bytes(self._content[first:last], 'big')
        self._place = end
        return (value >> (8 * last - end)) & ((1 << number) - 1)


def decode_brush(content: Sequence[int], size: tuple[int, int]) -> Patch:
    """Return the rows of a brush's mask that have a pixel.

    Args:
        content: Bytes as a file has them.
        size: Height and width of the image.

    Raises:
        ValueError: If they are no such bytes, or are of an image of another size.
    """
    bits = _Bits(bytes(content))
    number, word = bits.read(32), bits.read(5) + 1
    sizes = [bits.read(4) + 1 for _ in range(4)]
    if number != size[0] * size[1] * _CHANNELS:
        raise ValueError('its run lengths are of an image of another size')
    height, width = size
    pixels = np.zeros(height * width, np.uint8)
    place, painted = 0, [0, 0]
    while place < number:
        repeated = bits.read(1)
        count = bits.read(sizes[bits.read(2)]) + 1
        end = place + count
        if end > number:
            raise ValueError('its run lengths are longer than its image')
        words = [bits.read(word) for _ in range(1 if repeated else count)]
        fourth = (_CHANNELS - 1 - place) % _CHANNELS
        alpha = np.array(words if repeated else words[fourth::_CHANNELS])
        if (alpha >= _PAINTED).any():
            pixels[place // _CHANNELS : end // _CHANNELS] = alpha >= _PAINTED
            painted = [painted[0] if painted[1] else place, end]
        place = end
    first, last = painted[0] // (_CHANNELS * width), -(-painted[1] // (_CHANNELS * width))
    return Patch(0, first, pixels.reshape(size)[first:last])
