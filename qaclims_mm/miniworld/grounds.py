"""The colours behind everything, and the painters of what objects stand on; each fills a box."""

from collections.abc import Callable

import numpy as np

from qaclims_mm.miniworld.brush import Brush, Colour, vary

Painter = Callable[[Brush, np.random.Generator], None]
WOOD, GREEN, GREY, BRICK = (146, 102, 62), (62, 138, 70), (136, 138, 144), (168, 86, 66)

# Upper and lower colour of what is behind everything.
BACKDROPS: dict[str, tuple[Colour, Colour]] = {
    'airport': ((120, 176, 232), (206, 226, 240)),
    'forest': ((58, 96, 66), (128, 160, 104)),
    'lake': ((138, 186, 226), (214, 226, 232)),
    'street': ((164, 186, 206), (212, 210, 204)),
    'living room': ((222, 204, 174), (206, 184, 150)),
    'kitchen': ((206, 224, 216), (188, 208, 200)),
    'meadow': ((134, 192, 236), (220, 234, 226)),
    'station': ((176, 190, 208), (226, 214, 196)),
}


def tarmac(b: Brush, rng: np.random.Generator) -> None:
    """Grey with a dashed white line."""
    b.rect(0, 0, 1, 1, vary(rng, (104, 108, 114), 10))
    for i in range(5):
        b.rect(0.03 + 0.21 * i, 0.6, 0.14 + 0.21 * i, 0.7, (236, 236, 230))


def branch(b: Brush, rng: np.random.Generator) -> None:
    """A thick bough with twigs over undergrowth."""
    b.rect(0, 0.3, 1, 1, vary(rng, (50, 84, 52), 10))
    b.poly([(0, 0), (1, 0.06), (1, 0.44), (0, 0.34)], vary(rng, (106, 72, 44)))
    for x in (0.12, 0.4, 0.68, 0.9):
        b.line([(x, 0.3), (x + 0.06, 0.76)], (90, 60, 38), 0.07)
        b.disc(x + 0.06, 0.8, 0.1, vary(rng, (80, 150, 66)))


def water(b: Brush, rng: np.random.Generator) -> None:
    """Blue with waves."""
    b.rect(0, 0, 1, 1, vary(rng, (44, 108, 170), 12))
    for row in range(4):
        for i in range(6):
            x, y = 0.18 * i + 0.09 * (row % 2) - 0.05, 0.12 + 0.24 * row
            b.line([(x, y), (x + 0.045, y - 0.05), (x + 0.09, y)], (150, 200, 232), 0.03)


def road(b: Brush, rng: np.random.Generator) -> None:
    """Dark with a kerb and yellow dashes."""
    b.rect(0, 0, 1, 1, vary(rng, (66, 66, 72), 8))
    b.rect(0, 0, 1, 0.1, (190, 188, 182))
    for i in range(6):
        b.rect(0.02 + 0.18 * i, 0.5, 0.11 + 0.18 * i, 0.58, (236, 196, 60))


def carpet(b: Brush, rng: np.random.Generator) -> None:
    """A pattern of diamonds."""
    base = vary(rng, (150, 50, 66))
    b.rect(0, 0, 1, 1, base)
    for row in range(3):
        for i in range(7):
            x, y = 0.16 * i + 0.08 * (row % 2), 0.2 + 0.3 * row
            b.poly([(x - 0.05, y), (x, y - 0.11), (x + 0.05, y), (x, y + 0.11)], (226, 186, 120))


def table(b: Brush, rng: np.random.Generator) -> None:
    """A wooden top with grain and an edge."""
    b.rect(0, 0, 1, 1, vary(rng, (190, 142, 88), 14))
    b.rect(0, 0, 1, 0.1, (228, 190, 136))
    for i in range(6):
        b.line([(0, 0.2 + 0.14 * i), (1, 0.24 + 0.14 * i)], (150, 106, 62), 0.02)


def grass(b: Brush, rng: np.random.Generator) -> None:
    """Green with blades."""
    b.rect(0, 0.06, 1, 1, vary(rng, (104, 170, 66), 12))
    for x in np.linspace(0, 1, 26):
        for y in (0.1, 0.42, 0.76):
            b.line([(x, y + 0.1), (x + rng.normal(0, 0.012), y - 0.08)], (66, 130, 46), 0.03)


def tracks(b: Brush, rng: np.random.Generator) -> None:
    """Two rails on sleepers in gravel."""
    b.rect(0, 0, 1, 1, vary(rng, (150, 138, 126), 10))
    for i in range(10):
        b.poly(
            [(0.03 + 0.105 * i, 0.1), (0.09 + 0.105 * i, 0.1), (0.07 + 0.105 * i, 0.9),
             (0.0 + 0.105 * i, 0.9)], (96, 66, 44),
        )  # fmt: skip
    b.rect(0, 0.2, 1, 0.3, (196, 200, 206))
    b.rect(0, 0.66, 1, 0.78, (196, 200, 206))
