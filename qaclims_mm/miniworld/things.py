"""The painters of the things around an object; each fills the brush's box."""

import numpy as np

from qaclims_mm.miniworld.brush import Brush, vary
from qaclims_mm.miniworld.grounds import (
    BRICK,
    GREEN,
    GREY,
    WOOD,
    Painter,
    branch,
    carpet,
    grass,
    road,
    table,
    tarmac,
    tracks,
    water,
)


def sun(b: Brush, rng: np.random.Generator) -> None:
    """A yellow disc with rays."""
    for angle in np.linspace(0, 2 * np.pi, 12, endpoint=False):
        tip = (0.5 + 0.5 * np.cos(angle), 0.5 + 0.5 * np.sin(angle))
        b.line([(0.5, 0.5), tip], (250, 190, 50), 0.07)
    b.ellipse(0.2, 0.2, 0.8, 0.8, vary(rng, (252, 216, 66), 8))


def moon(b: Brush, rng: np.random.Generator) -> None:
    """A pale disc with craters."""
    b.ellipse(0.1, 0.1, 0.9, 0.9, vary(rng, (240, 240, 226), 8))
    for x, y, r in ((0.35, 0.4, 0.1), (0.62, 0.3, 0.07), (0.58, 0.66, 0.12)):
        b.disc(x, y, r, (196, 198, 190))


def cloud(b: Brush, rng: np.random.Generator) -> None:
    """White puffs."""
    white = vary(rng, (250, 250, 252), 5)
    for x, y, r in ((0.2, 0.6, 0.26), (0.42, 0.42, 0.34), (0.66, 0.5, 0.3), (0.84, 0.64, 0.22)):
        b.disc(x, y, r, white)


def leaves(b: Brush, rng: np.random.Generator) -> None:
    """Hanging foliage."""
    for _ in range(26):
        x, y = rng.uniform(0.02, 0.98), rng.uniform(0, 0.8)
        b.ellipse(x - 0.09, y, x + 0.09, y + 0.24, vary(rng, (84, 176, 62), 30))


def traffic_light(b: Brush, rng: np.random.Generator) -> None:
    """Red, yellow and green in a dark box."""
    b.round_rect(0.1, 0.25, 0.9, 0.8, (40, 42, 46))
    for x, colour in ((0.25, (230, 50, 40)), (0.5, (246, 200, 50)), (0.75, (60, 200, 90))):
        b.disc(x, 0.52, 0.17, colour)


def picture(b: Brush, rng: np.random.Generator) -> None:
    """A landscape in a frame."""
    b.rect(0.05, 0.05, 0.95, 0.95, (140, 96, 46))
    b.rect(0.15, 0.18, 0.85, 0.82, (150, 200, 230))
    b.poly([(0.15, 0.82), (0.4, 0.4), (0.6, 0.7), (0.7, 0.56), (0.85, 0.82)], vary(rng, GREEN))


def clock(b: Brush, rng: np.random.Generator) -> None:
    """A round face with two hands."""
    b.disc(0.5, 0.5, 0.48, vary(rng, (60, 60, 66)))
    b.disc(0.5, 0.5, 0.38, (250, 248, 240))
    b.line([(0.5, 0.5), (0.5, 0.2)], (20, 20, 20), 0.07)
    b.line([(0.5, 0.5), (0.62, 0.58)], (20, 20, 20), 0.07)


def shelf(b: Brush, rng: np.random.Generator) -> None:
    """A board with jars."""
    for i in range(5):
        b.round_rect(0.06 + 0.19 * i, 0.2, 0.19 + 0.19 * i, 0.7, vary(rng, (190, 120, 130), 55))
    b.rect(0, 0.7, 1, 0.88, WOOD)


def wire(b: Brush, rng: np.random.Generator) -> None:
    """An overhead line with insulators."""
    b.line([(0, 0.3), (1, 0.3)], (50, 50, 56), 0.08)
    b.line([(0, 0.72), (1, 0.72)], (50, 50, 56), 0.06)
    for i in range(6):
        b.line([(0.08 + 0.17 * i, 0.3), (0.08 + 0.17 * i, 0.72)], (50, 50, 56), 0.05)
        b.disc(0.08 + 0.17 * i, 0.3, 0.13, vary(rng, (120, 70, 50)))


def tower(b: Brush, rng: np.random.Generator) -> None:
    """A control tower."""
    b.rect(0.4, 0.3, 0.6, 1, vary(rng, (200, 200, 204)))
    b.poly([(0.2, 0.08), (0.8, 0.08), (0.7, 0.34), (0.3, 0.34)], (70, 110, 140))
    b.rect(0.26, 0, 0.74, 0.08, (220, 60, 50))


def hangar(b: Brush, rng: np.random.Generator) -> None:
    """A wide hall with a round roof."""
    b.ellipse(0, 0.3, 1, 1.3, vary(rng, (130, 140, 150)))
    b.rect(0.2, 0.6, 0.8, 1, (60, 64, 70))


def tree(b: Brush, rng: np.random.Generator) -> None:
    """A trunk with a round crown."""
    b.rect(0.42, 0.5, 0.58, 1, (100, 70, 44))
    for x, y, r in ((0.32, 0.4, 0.26), (0.66, 0.4, 0.26), (0.5, 0.24, 0.24)):
        b.disc(x, y, r, vary(rng, (40, 116, 54), 10))


def bush(b: Brush, rng: np.random.Generator) -> None:
    """Low foliage with berries."""
    for x in (0.15, 0.38, 0.62, 0.85):
        b.disc(x, 0.8, 0.24, vary(rng, (70, 136, 60), 12))
    for _ in range(12):
        b.disc(rng.uniform(0.05, 0.95), rng.uniform(0.64, 0.98), 0.035, (210, 40, 60))


def mountain(b: Brush, rng: np.random.Generator) -> None:
    """Two peaks with snow."""
    rock = vary(rng, (112, 116, 132))
    b.poly([(0, 1), (0.35, 0.1), (0.7, 1)], rock)
    b.poly([(0.4, 1), (0.72, 0.3), (1, 1)], vary(rng, rock, 10))
    b.poly([(0.25, 0.36), (0.35, 0.1), (0.45, 0.36)], (248, 248, 252))


def lighthouse(b: Brush, rng: np.random.Generator) -> None:
    """A red and white tower."""
    for i in range(4):
        colour = (232, 232, 228) if i % 2 else vary(rng, (206, 44, 40), 10)
        b.rect(0.38 - 0.02 * i, 0.24 + 0.19 * i, 0.62 + 0.02 * i, 0.43 + 0.19 * i, colour)
    b.rect(0.42, 0.06, 0.58, 0.24, (250, 226, 110))
    b.poly([(0.36, 0.08), (0.5, -0.06), (0.64, 0.08)], (60, 60, 66))


def building(b: Brush, rng: np.random.Generator) -> None:
    """Two houses with lit windows."""
    for x in (0.04, 0.52):
        top = rng.uniform(0, 0.2)
        b.rect(x, top, x + 0.44, 1, vary(rng, BRICK, 30))
        for row in range(4):
            for i in range(3):
                y = top + 0.1 + 0.2 * row
                b.rect(x + 0.06 + 0.13 * i, y, x + 0.13 + 0.13 * i, y + 0.1, (250, 224, 140))


def sofa(b: Brush, rng: np.random.Generator) -> None:
    """A wide seat with arms and cushions."""
    base = vary(rng, (70, 110, 150))
    b.round_rect(0.06, 0.4, 0.94, 1, base)
    b.round_rect(0, 0.58, 0.14, 1, vary(rng, base, 14))
    b.round_rect(0.86, 0.58, 1, 1, vary(rng, base, 14))
    b.round_rect(0.2, 0.5, 0.46, 0.8, (226, 196, 120))
    b.round_rect(0.54, 0.5, 0.8, 0.8, (226, 196, 120))


def curtain(b: Brush, rng: np.random.Generator) -> None:
    """Folds of cloth on a rod."""
    colour = vary(rng, (120, 70, 130))
    for i in range(10):
        red, green, blue = (int(c * (0.8 if i % 2 else 1.1)) for c in colour)
        b.rect(0.1 * i, 0.06, 0.1 * i + 0.1, 1, (red, green, blue))
    b.rect(0, 0, 1, 0.07, WOOD)


def window(b: Brush, rng: np.random.Generator) -> None:
    """Four panes of sky."""
    b.rect(0.15, 0, 0.85, 0.92, (246, 246, 240))
    for x in (0.2, 0.53):
        for y in (0.06, 0.5):
            b.rect(x, y, x + 0.27, y + 0.36, vary(rng, (130, 196, 240), 12))


def cupboard(b: Brush, rng: np.random.Generator) -> None:
    """Two doors with knobs."""
    b.rect(0.05, 0.1, 0.95, 1, vary(rng, (170, 112, 70)))
    for x in (0.09, 0.52):
        b.rect(x, 0.18, x + 0.39, 0.94, (196, 142, 96))
    b.disc(0.44, 0.56, 0.04, (60, 50, 40))
    b.disc(0.56, 0.56, 0.04, (60, 50, 40))


def fence(b: Brush, rng: np.random.Generator) -> None:
    """White pickets."""
    white = vary(rng, (236, 230, 218), 10)
    b.rect(0, 0.58, 1, 0.66, white)
    b.rect(0, 0.82, 1, 0.9, white)
    for i in range(9):
        x = 0.02 + 0.115 * i
        b.poly([(x, 1), (x, 0.5), (x + 0.03, 0.42), (x + 0.06, 0.5), (x + 0.06, 1)], white)


def barn(b: Brush, rng: np.random.Generator) -> None:
    """A red house with a white cross on its door."""
    red = vary(rng, (176, 46, 40), 14)
    b.rect(0.12, 0.42, 0.88, 1, red)
    b.poly([(0.04, 0.46), (0.5, 0.02), (0.96, 0.46)], (86, 70, 66))
    b.rect(0.36, 0.6, 0.64, 1, (240, 236, 228))
    b.line([(0.36, 0.6), (0.64, 1)], red, 0.04)
    b.line([(0.64, 0.6), (0.36, 1)], red, 0.04)


def platform(b: Brush, rng: np.random.Generator) -> None:
    """A roof on posts over a raised edge."""
    b.rect(0, 0.8, 1, 1, vary(rng, (176, 170, 160), 10))
    b.rect(0, 0.8, 1, 0.86, (240, 206, 60))
    for x in (0.1, 0.5, 0.86):
        b.rect(x, 0.3, x + 0.05, 0.82, (70, 90, 84))
    b.poly([(0, 0.32), (0.06, 0.16), (0.94, 0.16), (1, 0.32)], (90, 120, 112))


def bridge(b: Brush, rng: np.random.Generator) -> None:
    """Stone arches."""
    stone = vary(rng, (150, 132, 116))
    b.rect(0, 0.3, 1, 1, stone)
    for x in (0.04, 0.37, 0.7):
        b.ellipse(x, 0.5, x + 0.27, 1.3, (214, 214, 210))


def windsock(b: Brush, rng: np.random.Generator) -> None:
    """An orange and white sleeve on a pole."""
    b.line([(0.2, 0.05), (0.2, 1)], (90, 90, 96), 0.06)
    for i in range(4):
        colour = (250, 120, 30) if i % 2 == 0 else (250, 250, 250)
        b.rect(0.22 + 0.18 * i, 0.08 + 0.03 * i, 0.4 + 0.18 * i, 0.4 - 0.03 * i, colour)


def cone(b: Brush, rng: np.random.Generator) -> None:
    """A striped cone."""
    b.poly([(0.44, 0.2), (0.56, 0.2), (0.84, 0.92), (0.16, 0.92)], vary(rng, (240, 100, 30), 10))
    b.poly([(0.34, 0.5), (0.66, 0.5), (0.74, 0.68), (0.26, 0.68)], (250, 250, 250))
    b.rect(0.04, 0.9, 0.96, 1, (70, 70, 70))


def mushroom(b: Brush, rng: np.random.Generator) -> None:
    """A red cap with dots."""
    b.rect(0.4, 0.5, 0.6, 1, (240, 230, 210))
    b.ellipse(0.1, 0.2, 0.9, 0.76, vary(rng, (206, 40, 40), 12))
    for x, y in ((0.3, 0.42), (0.5, 0.32), (0.7, 0.46)):
        b.disc(x, y, 0.07, (250, 246, 240))


def nest(b: Brush, rng: np.random.Generator) -> None:
    """A bowl of twigs with eggs."""
    for x in (0.32, 0.5, 0.68):
        b.ellipse(x - 0.1, 0.4, x + 0.1, 0.74, (214, 236, 240))
    b.ellipse(0.04, 0.56, 0.96, 1, vary(rng, (150, 110, 64)))
    for i in range(6):
        b.line([(0.1 + 0.13 * i, 0.66), (0.2 + 0.13 * i, 0.94)], (100, 70, 40), 0.04)


def buoy(b: Brush, rng: np.random.Generator) -> None:
    """A red float with a lamp."""
    b.poly([(0.4, 0.2), (0.6, 0.2), (0.72, 0.7), (0.28, 0.7)], vary(rng, (226, 50, 40), 10))
    b.rect(0.34, 0.42, 0.66, 0.54, (250, 250, 250))
    b.ellipse(0.1, 0.62, 0.9, 1, (190, 40, 34))
    b.disc(0.5, 0.14, 0.1, (255, 240, 120))


def pier(b: Brush, rng: np.random.Generator) -> None:
    """Planks on piles."""
    for x in (0.1, 0.45, 0.8):
        b.rect(x, 0.5, x + 0.12, 1, (90, 64, 42))
    b.rect(0, 0.4, 1, 0.6, vary(rng, (160, 118, 74)))
    for i in range(1, 6):
        b.line([(i / 6, 0.4), (i / 6, 0.6)], (100, 72, 46), 0.04)


def sign(b: Brush, rng: np.random.Generator) -> None:
    """A round traffic sign."""
    b.line([(0.5, 0.4), (0.5, 1)], (110, 112, 118), 0.09)
    b.disc(0.5, 0.3, 0.3, vary(rng, (210, 30, 36), 10))
    b.rect(0.3, 0.24, 0.7, 0.36, (250, 250, 250))


def hydrant(b: Brush, rng: np.random.Generator) -> None:
    """A yellow hydrant."""
    yellow = vary(rng, (236, 170, 30), 12)
    b.rect(0.32, 0.3, 0.68, 0.96, yellow)
    b.ellipse(0.3, 0.14, 0.7, 0.46, yellow)
    b.rect(0.16, 0.48, 0.84, 0.62, (190, 120, 20))
    b.rect(0.22, 0.9, 0.78, 1, (120, 90, 40))


def ball(b: Brush, rng: np.random.Generator) -> None:
    """A striped ball."""
    b.disc(0.5, 0.62, 0.38, vary(rng, (40, 120, 210)))
    b.poly([(0.2, 0.5), (0.8, 0.5), (0.84, 0.74), (0.16, 0.74)], (250, 220, 60))


def lamp(b: Brush, rng: np.random.Generator) -> None:
    """A floor lamp."""
    b.line([(0.5, 0.3), (0.5, 1)], (80, 70, 60), 0.06)
    b.poly([(0.34, 0.04), (0.66, 0.04), (0.86, 0.4), (0.14, 0.4)], vary(rng, (254, 222, 130), 10))
    b.rect(0.26, 0.92, 0.74, 1, (80, 70, 60))


def cup(b: Brush, rng: np.random.Generator) -> None:
    """A mug with a handle."""
    colour = vary(rng, (70, 130, 200))
    b.ellipse(0.56, 0.46, 0.96, 0.88, colour)
    b.ellipse(0.64, 0.56, 0.86, 0.78, (214, 226, 220))
    b.round_rect(0.12, 0.36, 0.72, 1, colour)
    b.rect(0.12, 0.54, 0.72, 0.62, (250, 250, 250))


def book(b: Brush, rng: np.random.Generator) -> None:
    """A stack of books."""
    for i in range(3):
        b.rect(0.06 + 0.05 * i, 0.76 - 0.22 * i, 0.94 - 0.03 * i, 0.98 - 0.22 * i,
               vary(rng, ((170, 40, 50), (40, 90, 60), (60, 60, 140))[i]))  # fmt: skip
        b.rect(0.84, 0.79 - 0.22 * i, 0.92, 0.94 - 0.22 * i, (250, 246, 230))


def haystack(b: Brush, rng: np.random.Generator) -> None:
    """A golden heap."""
    b.ellipse(0.02, 0.24, 0.98, 1.5, vary(rng, (226, 186, 80), 12))
    for i in range(8):
        b.line([(0.14 + 0.1 * i, 0.94), (0.2 + 0.09 * i, 0.56)], (186, 140, 50), 0.04)


def rock(b: Brush, rng: np.random.Generator) -> None:
    """A grey boulder."""
    b.poly([(0.04, 1), (0.12, 0.5), (0.4, 0.3), (0.74, 0.4), (0.98, 1)], vary(rng, GREY, 14))
    b.poly([(0.4, 0.3), (0.5, 0.7), (0.74, 0.4)], (170, 172, 178))


def signal(b: Brush, rng: np.random.Generator) -> None:
    """A railway signal with two lamps."""
    b.line([(0.5, 0.1), (0.5, 1)], (70, 70, 76), 0.1)
    b.round_rect(0.26, 0, 0.74, 0.5, (30, 30, 34))
    b.disc(0.5, 0.14, 0.1, (240, 60, 50))
    b.disc(0.5, 0.36, 0.1, (70, 220, 110))


def bench(b: Brush, rng: np.random.Generator) -> None:
    """A wooden bench."""
    wood = vary(rng, (170, 110, 60))
    for y in (0.36, 0.5, 0.66):
        b.rect(0, y, 1, y + 0.09, wood)
    b.rect(0.08, 0.36, 0.16, 1, (60, 60, 64))
    b.rect(0.84, 0.36, 0.92, 1, (60, 60, 64))


PAINTERS: dict[str, Painter] = {
    painter.__name__.replace('_', ' '): painter
    for painter in (
        tarmac, branch, water, road, carpet, table, grass, tracks,
        sun, moon, cloud, leaves, traffic_light, picture, clock, shelf, wire,
        tower, hangar, tree, bush, mountain, lighthouse, building, sofa, curtain, window, cupboard,
        fence, barn, platform, bridge,
        windsock, cone, mushroom, nest, buoy, pier, sign, hydrant, ball, lamp, cup, book, haystack,
        rock, signal, bench,
    )
}  # fmt: skip
