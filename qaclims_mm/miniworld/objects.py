"""The painters of the objects, one a kind; each fills the brush's box."""

from collections.abc import Callable

import numpy as np

from qaclims_mm.miniworld.brush import Brush, Colour, vary

Painter = Callable[[Brush, np.random.Generator], None]
BODIES = ((176, 58, 48), (52, 96, 160), (58, 132, 84), (212, 150, 48), (150, 150, 158))
DARK, LIGHT, GLASS = (34, 34, 40), (244, 240, 214), (158, 206, 226)


def _body(rng: np.random.Generator) -> Colour:
    """Vehicles share their paint, so the body alone does not tell the class."""
    return vary(rng, BODIES[rng.integers(len(BODIES))])


def _wheels(b: Brush, xs: tuple[float, ...], y: float, radius: float) -> None:
    for x in xs:
        b.disc(x, y, radius, DARK)
        b.disc(x, y, 0.45 * radius, (150, 150, 150))


def _train_face(b: Brush) -> None:
    b.disc(0.03, 0.55, 0.07, (255, 240, 130))
    b.rect(0.0, 0.68, 0.05, 0.78, (200, 30, 30))


def steam_train(b: Brush, rng: np.random.Generator) -> None:
    """Boiler, chimney and cab."""
    body = _body(rng)
    b.rect(0.06, 0.38, 0.66, 0.74, body)
    b.rect(0.02, 0.34, 0.1, 0.78, DARK)
    b.rect(0.62, 0.1, 0.98, 0.78, body)
    b.rect(0.58, 0.04, 1.0, 0.14, DARK)
    b.rect(0.7, 0.22, 0.88, 0.46, GLASS)
    b.poly([(0.12, 0.38), (0.1, 0.04), (0.24, 0.04), (0.22, 0.38)], DARK)
    b.ellipse(0.36, 0.24, 0.5, 0.5, (206, 168, 70))
    _wheels(b, (0.18, 0.36, 0.54), 0.84, 0.14)
    _wheels(b, (0.8,), 0.8, 0.19)
    b.line([(0.18, 0.84), (0.8, 0.84)], (170, 170, 170), 0.05)
    _train_face(b)


def tram(b: Brush, rng: np.random.Generator) -> None:
    """One long body with a row of windows and a current collector."""
    body = _body(rng)
    b.line([(0.4, 0.2), (0.5, 0.02), (0.6, 0.2)], DARK, 0.04)
    b.round_rect(0.0, 0.16, 1.0, 0.86, body)
    b.rect(0.02, 0.62, 0.98, 0.7, LIGHT)
    for i in range(6):
        b.round_rect(0.06 + 0.155 * i, 0.26, 0.17 + 0.155 * i, 0.54, GLASS)
    _wheels(b, (0.16, 0.3, 0.7, 0.84), 0.89, 0.1)
    _train_face(b)


def freight_train(b: Brush, rng: np.random.Generator) -> None:
    """A short engine and two box wagons."""
    body = _body(rng)
    b.rect(0.0, 0.4, 0.24, 0.8, body)
    b.rect(0.1, 0.22, 0.24, 0.5, body)
    b.rect(0.13, 0.28, 0.21, 0.42, GLASS)
    for x, colour in ((0.29, vary(rng, (128, 84, 54))), (0.66, vary(rng, (112, 100, 92)))):
        b.rect(x, 0.2, x + 0.33, 0.8, colour)
        for i in range(1, 5):
            b.line([(x + 0.066 * i, 0.22), (x + 0.066 * i, 0.78)], DARK, 0.02)
    b.line([(0.2, 0.76), (0.98, 0.76)], DARK, 0.05)
    _wheels(b, (0.06, 0.18, 0.36, 0.54, 0.73, 0.92), 0.87, 0.11)
    _train_face(b)


def _hull(b: Brush, rng: np.random.Generator, top: float) -> None:
    b.poly([(0.0, top), (1.0, top), (0.84, 1.0), (0.14, 1.0)], _body(rng))
    b.poly([(0.0, top), (1.0, top), (0.97, top + 0.07), (0.03, top + 0.07)], LIGHT)
    b.disc(0.18, top + 0.17, 0.035, DARK)


def sailboat(b: Brush, rng: np.random.Generator) -> None:
    """A hull with mast and two sails."""
    b.line([(0.5, 0.0), (0.5, 0.76)], (110, 78, 50), 0.035)
    sail = vary(rng, (238, 232, 218), 12)
    b.poly([(0.53, 0.02), (0.53, 0.66), (0.96, 0.66)], sail)
    b.poly([(0.47, 0.1), (0.47, 0.66), (0.12, 0.66)], vary(rng, (226, 120, 90)))
    _hull(b, rng, 0.72)


def rowboat(b: Brush, rng: np.random.Generator) -> None:
    """A flat hull with oars and benches."""
    for x in (0.3, 0.55):
        b.rect(x, 0.44, x + 0.14, 0.56, (138, 96, 58))
    _hull(b, rng, 0.52)
    b.line([(0.36, 0.3), (0.1, 0.96)], (196, 160, 104), 0.05)
    b.line([(0.66, 0.3), (0.9, 0.96)], (196, 160, 104), 0.05)


def steamboat(b: Brush, rng: np.random.Generator) -> None:
    """A hull with cabin and funnel."""
    b.rect(0.22, 0.36, 0.8, 0.66, LIGHT)
    for i in range(4):
        b.disc(0.3 + 0.13 * i, 0.5, 0.055, (84, 120, 150))
    b.rect(0.44, 0.04, 0.6, 0.38, (186, 50, 44))
    b.rect(0.44, 0.04, 0.6, 0.14, DARK)
    _hull(b, rng, 0.64)


def _car_lights(b: Brush) -> None:
    b.disc(0.04, 0.62, 0.06, (255, 246, 170))
    b.rect(0.96, 0.56, 1.0, 0.66, (216, 40, 40))
    _wheels(b, (0.22, 0.78), 0.83, 0.17)


def taxi(b: Brush, rng: np.random.Generator) -> None:
    """A yellow saloon with a sign on its roof."""
    yellow = vary(rng, (240, 196, 40), 12)
    b.rect(0.42, 0.02, 0.58, 0.14, LIGHT)
    b.poly([(0.2, 0.5), (0.32, 0.14), (0.7, 0.14), (0.84, 0.5)], yellow)
    b.poly([(0.27, 0.48), (0.35, 0.22), (0.49, 0.22), (0.49, 0.48)], GLASS)
    b.poly([(0.53, 0.48), (0.53, 0.22), (0.67, 0.22), (0.77, 0.48)], GLASS)
    b.round_rect(0.0, 0.46, 1.0, 0.86, yellow)
    for i in range(8):
        b.rect(0.1 + 0.1 * i, 0.56, 0.15 + 0.1 * i, 0.63, DARK)
    _car_lights(b)


def pickup(b: Brush, rng: np.random.Generator) -> None:
    """A cab in front of an open bed."""
    body = _body(rng)
    b.poly([(0.18, 0.5), (0.28, 0.12), (0.54, 0.12), (0.56, 0.5)], body)
    b.poly([(0.25, 0.46), (0.32, 0.2), (0.49, 0.2), (0.5, 0.46)], GLASS)
    b.rect(0.0, 0.46, 1.0, 0.82, body)
    b.rect(0.6, 0.5, 0.97, 0.6, DARK)
    _car_lights(b)


def van(b: Brush, rng: np.random.Generator) -> None:
    """A tall box."""
    body = _body(rng)
    b.round_rect(0.1, 0.02, 1.0, 0.86, body)
    b.poly([(0.0, 0.84), (0.0, 0.5), (0.14, 0.4), (0.3, 0.84)], body)
    b.poly([(0.08, 0.44), (0.17, 0.14), (0.34, 0.14), (0.34, 0.44)], GLASS)
    b.rect(0.44, 0.14, 0.92, 0.4, LIGHT)
    _car_lights(b)


def jet(b: Brush, rng: np.random.Generator) -> None:
    """A tube with swept wings."""
    hull = vary(rng, (224, 228, 232), 10)
    b.poly([(0.8, 0.5), (0.9, 0.04), (1.0, 0.04), (0.97, 0.5)], _body(rng))
    b.ellipse(0.0, 0.34, 1.0, 0.7, hull)
    b.poly([(0.4, 0.54), (0.58, 0.54), (0.78, 0.98), (0.68, 0.98)], (150, 156, 166))
    b.ellipse(0.46, 0.68, 0.6, 0.84, DARK)
    for i in range(7):
        b.disc(0.2 + 0.08 * i, 0.47, 0.035, (60, 90, 120))
    b.poly([(0.02, 0.5), (0.1, 0.42), (0.14, 0.5)], (60, 90, 120))


def biplane(b: Brush, rng: np.random.Generator) -> None:
    """Two wings above each other and a propeller."""
    body = _body(rng)
    b.poly([(0.1, 0.46), (0.92, 0.5), (0.92, 0.62), (0.1, 0.76)], body)
    b.poly([(0.82, 0.56), (0.88, 0.24), (1.0, 0.24), (0.98, 0.6)], body)
    b.rect(0.16, 0.16, 0.6, 0.26, LIGHT)
    b.rect(0.16, 0.68, 0.6, 0.78, LIGHT)
    for x in (0.22, 0.53):
        b.line([(x, 0.2), (x, 0.74)], DARK, 0.035)
    b.line([(0.07, 0.28), (0.07, 0.94)], (120, 84, 50), 0.06)
    b.disc(0.1, 0.61, 0.1, DARK)
    _wheels(b, (0.3,), 0.9, 0.09)


def glider(b: Brush, rng: np.random.Generator) -> None:
    """A thin hull with very long wings."""
    hull = vary(rng, (240, 240, 236), 8)
    b.poly([(0.0, 0.6), (0.12, 0.46), (0.98, 0.56), (0.98, 0.6), (0.14, 0.72)], hull)
    b.poly([(0.9, 0.58), (0.94, 0.26), (1.0, 0.26), (1.0, 0.58)], _body(rng))
    b.poly([(0.24, 0.56), (0.36, 0.56), (0.86, 0.12), (0.8, 0.1)], vary(rng, (212, 216, 220)))
    b.poly([(0.24, 0.6), (0.36, 0.6), (0.6, 0.98), (0.54, 1.0)], vary(rng, (190, 194, 200)))
    b.ellipse(0.08, 0.46, 0.24, 0.64, GLASS)


def _eye(b: Brush, x: float, y: float, radius: float, iris: Colour = (250, 250, 250)) -> None:
    b.disc(x, y, radius, iris)
    b.disc(x, y, 0.55 * radius, (10, 10, 10))


def parrot(b: Brush, rng: np.random.Generator) -> None:
    """A green body, a red wing and a hooked beak."""
    green = vary(rng, (52, 160, 70))
    b.poly([(0.6, 0.6), (1.0, 0.94), (0.88, 1.0), (0.46, 0.78)], (38, 90, 180))
    b.ellipse(0.2, 0.28, 0.74, 0.9, green)
    b.ellipse(0.12, 0.02, 0.52, 0.46, green)
    b.ellipse(0.4, 0.4, 0.78, 0.82, vary(rng, (206, 50, 44)))
    b.poly([(0.16, 0.16), (0.0, 0.26), (0.08, 0.4), (0.2, 0.32)], (238, 176, 52))
    _eye(b, 0.28, 0.2, 0.06)


def duck(b: Brush, rng: np.random.Generator) -> None:
    """A flat body and a flat orange beak."""
    white = vary(rng, (236, 230, 206), 14)
    b.ellipse(0.16, 0.42, 0.98, 0.92, white)
    b.poly([(0.84, 0.56), (1.0, 0.34), (0.96, 0.7)], white)
    b.rect(0.2, 0.24, 0.38, 0.64, white)
    b.ellipse(0.1, 0.06, 0.48, 0.42, vary(rng, (42, 120, 84)))
    b.ellipse(0.42, 0.52, 0.84, 0.78, (190, 180, 160))
    b.poly([(0.14, 0.2), (0.0, 0.26), (0.0, 0.34), (0.16, 0.32)], (240, 140, 30))
    b.line([(0.46, 0.9), (0.46, 1.0)], (240, 140, 30), 0.05)
    b.line([(0.62, 0.9), (0.62, 1.0)], (240, 140, 30), 0.05)
    _eye(b, 0.26, 0.2, 0.05)


def owl(b: Brush, rng: np.random.Generator) -> None:
    """An upright body with two large eyes."""
    brown = vary(rng, (136, 98, 62))
    b.poly([(0.24, 0.22), (0.2, 0.0), (0.42, 0.12)], brown)
    b.poly([(0.76, 0.22), (0.8, 0.0), (0.58, 0.12)], brown)
    b.ellipse(0.16, 0.06, 0.84, 0.98, brown)
    b.ellipse(0.3, 0.46, 0.7, 0.94, vary(rng, (212, 186, 140)))
    b.poly([(0.18, 0.4), (0.08, 0.86), (0.28, 0.8)], (98, 68, 44))
    b.poly([(0.82, 0.4), (0.92, 0.86), (0.72, 0.8)], (98, 68, 44))
    _eye(b, 0.36, 0.28, 0.12, (248, 206, 70))
    _eye(b, 0.64, 0.28, 0.12, (248, 206, 70))
    b.poly([(0.45, 0.34), (0.55, 0.34), (0.5, 0.48)], (236, 160, 50))


def _cat(b: Brush, fur: Colour, face: Colour, eye: Colour, stripes: Colour | None) -> None:
    b.line([(0.84, 0.74), (0.98, 0.5), (0.92, 0.26)], face, 0.1)
    b.ellipse(0.28, 0.38, 0.94, 0.96, fur)
    for x in (0.36, 0.5, 0.72, 0.86):
        b.round_rect(x - 0.05, 0.8, x + 0.05, 1.0, fur)
    if stripes is not None:
        for i in range(4):
            x = 0.5 + 0.11 * i
            b.line([(x, 0.42 + 0.02 * i), (x + 0.02, 0.62)], stripes, 0.045)
    b.poly([(0.06, 0.28), (0.06, 0.0), (0.26, 0.14)], face)
    b.poly([(0.48, 0.28), (0.5, 0.0), (0.3, 0.14)], face)
    b.ellipse(0.02, 0.1, 0.54, 0.62, fur)
    b.ellipse(0.14, 0.34, 0.42, 0.6, face)
    _eye(b, 0.18, 0.3, 0.055, eye)
    _eye(b, 0.38, 0.3, 0.055, eye)
    b.poly([(0.25, 0.42), (0.31, 0.42), (0.28, 0.47)], (226, 120, 120))


def tabby(b: Brush, rng: np.random.Generator) -> None:
    """Orange with stripes."""
    fur = vary(rng, (216, 140, 66))
    _cat(b, fur, vary(rng, (236, 190, 130), 10), (120, 190, 90), (150, 84, 34))


def siamese(b: Brush, rng: np.random.Generator) -> None:
    """Cream with a dark face and tail."""
    _cat(b, vary(rng, (234, 218, 190), 12), vary(rng, (92, 66, 54), 12), (90, 170, 240), None)


def black_cat(b: Brush, rng: np.random.Generator) -> None:
    """Black with yellow eyes."""
    fur = vary(rng, (40, 38, 44), 10)
    _cat(b, fur, fur, (248, 216, 60), None)


def _sheep(b: Brush, rng: np.random.Generator, wool: Colour, face: Colour) -> None:
    for x in (0.36, 0.48, 0.7, 0.82):
        b.rect(x - 0.035, 0.74, x + 0.035, 1.0, (60, 50, 46))
    for x, y, radius in (
        (0.38, 0.44, 0.25), (0.56, 0.36, 0.26), (0.76, 0.42, 0.26), (0.84, 0.58, 0.2),
        (0.66, 0.62, 0.25), (0.46, 0.62, 0.23), (0.34, 0.58, 0.2),
    ):  # fmt: skip
        b.disc(x, y, radius, vary(rng, wool, 8))
    b.ellipse(0.04, 0.2, 0.34, 0.66, face)
    b.disc(0.22, 0.2, 0.12, wool)
    b.ellipse(0.28, 0.3, 0.42, 0.42, face)
    _eye(b, 0.16, 0.38, 0.05)


def lamb(b: Brush, rng: np.random.Generator) -> None:
    """White wool, pink face."""
    _sheep(b, rng, vary(rng, (244, 242, 234), 8), vary(rng, (240, 196, 186), 10))


def ram(b: Brush, rng: np.random.Generator) -> None:
    """Grey wool and a curled horn."""
    _sheep(b, rng, vary(rng, (202, 188, 160), 12), vary(rng, (96, 76, 62), 12))
    for radius, colour in ((0.17, (156, 128, 84)), (0.11, (120, 96, 62)), (0.06, (188, 160, 112))):
        b.disc(0.3, 0.26, radius, colour)


def black_sheep(b: Brush, rng: np.random.Generator) -> None:
    """Dark wool."""
    _sheep(b, rng, vary(rng, (62, 54, 56), 10), vary(rng, (34, 30, 32), 6))


def _pot(b: Brush, rng: np.random.Generator) -> None:
    clay = vary(rng, (186, 98, 60))
    b.poly([(0.2, 0.68), (0.8, 0.68), (0.7, 1.0), (0.3, 1.0)], clay)
    b.rect(0.14, 0.62, 0.86, 0.72, vary(rng, clay, 8))


def cactus(b: Brush, rng: np.random.Generator) -> None:
    """A ribbed column with two arms."""
    green = vary(rng, (66, 138, 84))
    b.line([(0.5, 0.42), (0.16, 0.42), (0.16, 0.2)], green, 0.1)
    b.line([(0.5, 0.34), (0.84, 0.34), (0.84, 0.12)], green, 0.1)
    b.round_rect(0.34, 0.02, 0.66, 0.66, green)
    for x in (0.42, 0.5, 0.58):
        b.line([(x, 0.06), (x, 0.62)], (40, 100, 60), 0.014)
    _pot(b, rng)


def tulip(b: Brush, rng: np.random.Generator) -> None:
    """Leaves and three flowers."""
    green, petals = vary(rng, (70, 150, 66)), vary(rng, (222, 60, 90))
    for x in (0.22, 0.5, 0.78):
        b.line([(0.5, 0.66), (x, 0.24)], green, 0.03)
        y = 0.0 if x == 0.5 else 0.08
        b.ellipse(x - 0.14, y, x + 0.14, y + 0.24, petals)
        b.poly([(x - 0.12, y + 0.1), (x - 0.06, y - 0.02), (x, y + 0.1)], petals)
    b.poly([(0.48, 0.66), (0.06, 0.36), (0.3, 0.64)], green)
    b.poly([(0.52, 0.66), (0.94, 0.36), (0.7, 0.64)], green)
    _pot(b, rng)


def fern(b: Brush, rng: np.random.Generator) -> None:
    """Arching fronds."""
    for tip in (
        (0.0, 0.5),
        (0.02, 0.2),
        (0.26, 0.02),
        (0.5, 0.0),
        (0.74, 0.02),
        (0.98, 0.2),
        (1.0, 0.5),
    ):
        green = vary(rng, (50, 146, 78))
        knee = (0.5 + 0.6 * (tip[0] - 0.5), tip[1] + 0.04)
        b.line([(0.5, 0.66), knee, tip], green, 0.07)
    _pot(b, rng)


PAINTERS: dict[str, Painter] = {
    'steam train': steam_train, 'tram': tram, 'freight train': freight_train,
    'sailboat': sailboat, 'rowboat': rowboat, 'steamboat': steamboat,
    'taxi': taxi, 'pickup': pickup, 'van': van,
    'jet': jet, 'biplane': biplane, 'glider': glider,
    'parrot': parrot, 'duck': duck, 'owl': owl,
    'tabby': tabby, 'siamese': siamese, 'black cat': black_cat,
    'lamb': lamb, 'ram': ram, 'black sheep': black_sheep,
    'cactus': cactus, 'tulip': tulip, 'fern': fern,
}  # fmt: skip
