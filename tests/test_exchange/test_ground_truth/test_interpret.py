import numpy as np
import pytest

from qaclims_mm.exchange.ground_truth.colour_table import ColourTable
from qaclims_mm.exchange.ground_truth.interpret import Found, Reading, interpret, judge
from qaclims_mm.exchange.ground_truth.pixels import Pixels, symbol_of
from qaclims_mm.schemas import voc_palette

NAMES = ('cat', 'dog', 'sheep')
CAT, DOG, SHEEP = (1,), (2,), (3,)
RED, GREEN, WHITE = symbol_of(255, 0, 0), symbol_of(0, 255, 0), 0xFFFFFF


def voc(number):
    return symbol_of(*voc_palette()[3 * number : 3 * number + 3])


def found_of(*masks, coloured=False, palette=None):
    """Return what masks hold, given (labels, symbols) of each."""
    return [
        Found(
            f'{k}.png',
            labels,
            dict.fromkeys(symbols, 5),
            coloured,
            palette and {s: palette[s] for s in symbols},
        )
        for k, (labels, symbols) in enumerate(masks)
    ]


def read(found, names=NAMES, table=None):
    judged, _ = interpret(found, names, {}, table)
    return judged and judged.reading


@pytest.mark.parametrize(
    ('masks', 'note'),
    [
        # the numbers of the project
        ([(CAT, (0, 1)), (DOG, (0, 2, 255)), ((1, 3), (0, 1, 3))], ''),
        # a class of the labels that the mask lacks is no contradiction
        ([((1, 2), (0, 1)), (DOG, (0,))], ''),
        ([(CAT, (0, 8)), ((1, 2), (0, 8, 12, 255)), (SHEEP, (0, 15, 17))], 'the numbers of VOC'),
        ([((1, 2), (0, 16, 17)), (SHEEP, (0, 19))], 'the numbers of COCO'),
        ([(CAT, (0, 255)), (DOG, (0, 255))], 'one number or colour for an object'),
        ([(CAT, (0, 128)), (DOG, (0, 128)), (CAT, (0,))], 'one number or colour for an object'),
        ([(DOG, (0, 1)), (SHEEP, (0, 1))], 'one number or colour for an object'),
        ([(CAT, (0, 1, 2)), (DOG, (0, 1)), (SHEEP, (0, 1, 2, 255))], 'objects are numbered'),
        ([(CAT, (0, *range(1, 300))), (DOG, (0, 1))], 'objects are numbered'),
    ],
)
def test_numbers(masks, note):
    reading = read(found_of(*masks))
    assert note in reading.note
    assert bool(note) == bool(reading.note)


@pytest.mark.parametrize(
    'masks',
    [
        # which of two labels?
        [((1, 2), (0, 255)), (CAT, (0, 255))],
        [((1, 2), (0, 4)), (CAT, (0, 4))],
        [((), (0, 255))],
        # trimaps: object, background, border
        [(CAT, (1, 2, 3)), (DOG, (1, 2, 3))],
        [(CAT, (0, 128, 255)), (DOG, (0, 128, 255))],
        # numbers of other classes, or of objects with gaps
        [(CAT, (0, 8, 90)), (DOG, (0, 8))],
        # 8 is a cat here and a dog there
        [(CAT, (0, 8)), (DOG, (0, 8)), (DOG, (0, 12))],
        # nothing but background
        [(CAT, (0,)), (DOG, (0,))],
        # a smooth edge
        [(CAT, (0, 1, 2, 7, 250, 254, 255)), (DOG, (0, 3, 255))],
    ],
)
def test_numbers_of_no_single_reading(masks):
    assert read(found_of(*masks)) is None


@pytest.mark.parametrize(
    ('masks', 'names', 'note'),
    [
        ([(CAT, (0, voc(1))), (DOG, (0, voc(2)))], NAMES, "VOC's palette are the numbers of"),
        ([(CAT, (0, voc(8))), ((1, 2), (0, voc(8), voc(12)))], NAMES, 'the colours of VOC'),
        ([(CAT, (0, 0xDC143C))], ('person',), 'the colours of COCO'),
        ([(CAT, (0, RED)), (DOG, (0, RED))], NAMES, 'one number or colour for an object'),
        ([(CAT, (0, RED)), (DOG, (0, GREEN))], NAMES, 'one number or colour for an object'),
        ([(CAT, (0, 0x010101)), (DOG, (0, 0x020202))], NAMES, 'grey colours are the numbers'),
        ([(CAT, (0, WHITE)), (DOG, (0, WHITE))], NAMES, 'one number or colour for an object'),
    ],
)
def test_colours(masks, names, note):
    assert note in read(found_of(*masks, coloured=True), names).note


@pytest.mark.parametrize(
    'masks',
    [
        [((1, 2), (0, RED, GREEN))],
        [(CAT, (RED, WHITE))],
        [(CAT, (0, RED, GREEN))],
        [(CAT, (0, RED)), (DOG, (0, RED)), (DOG, (0, GREEN))],
    ],
)
def test_colours_of_no_single_reading(masks):
    assert read(found_of(*masks, coloured=True)) is None


def test_a_palette_whose_numbers_do_not_fit():
    # the numbers are in the order in which colours were met
    palette = {0: 0, 1: voc(12), 2: voc(8)}
    masks = found_of((DOG, (0, 1)), ((1, 2), (0, 1, 2)), (CAT, (0, 2)), palette=palette)
    reading = read(masks)
    assert reading.by_colour
    assert 'the colours of VOC' in reading.note


def test_a_table_is_the_only_reading():
    masks = found_of((CAT, (0, RED)), (DOG, (0, GREEN)), coloured=True)
    reading = read(masks, table=ColourTable({RED: 1, GREEN: 2}, True))
    assert 'as --masks-colours says' in reading.note
    assert read(masks, table=ColourTable({RED: 1}, True)) is None
    # the colours are numbered the wrong way around
    judged, known = interpret(masks, NAMES, {}, ColourTable({RED: 2, GREEN: 1}, True))
    assert judged is None
    assert known.strangers == {'0.png': [2], '1.png': [1]}


def test_oversights_are_counted():
    masks = found_of(*[(CAT, (0, 1))] * 4, (DOG, (0, 1)))
    judged, _ = interpret(masks, NAMES, {})
    assert judged.objects == 5
    assert judged.strangers == {'4.png': [1]}
    assert judged.labels == {'4.png': DOG}


def test_a_reading_that_lacks_a_symbol():
    assert judge(Reading(values={0: 0, 1: 1}), found_of((CAT, (0, 2)))) is None


@pytest.mark.parametrize(
    ('reading', 'symbols', 'coloured', 'expected'),
    [
        (Reading(values={0: 0, 8: 1, 255: 255}), [[0, 8, 255]], False, [[0, 1, 255]]),
        (Reading(ignored=255), [[0, 3, 255]], False, [[0, 2, 255]]),
        (Reading(), [[0, 255, 0]], False, [[0, 2, 0]]),
        (Reading(values={0: 0, RED: 300}, by_colour=True), [[0, RED, 0]], True, [[0, 300, 0]]),
        (Reading(values={0: 0, 7: 3}, grey=True), [[0, 0x070707, 0]], True, [[0, 3, 0]]),
    ],
)
def test_masks_in_the_numbers_of_the_project(reading, symbols, coloured, expected):
    pixels = Pixels(np.array(symbols, np.int32), coloured, None, False)
    found = reading.apply(pixels, DOG)
    assert found.dtype == np.uint16
    assert found.tolist() == expected
