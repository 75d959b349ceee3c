import pytest

from qaclims_mm.exchange.ground_truth.interpret import Found, interpret
from qaclims_mm.exchange.ground_truth.refusals import describe_numbering, describe_refusal

NAMES = ('cat', '[/b]')
CAT = (1,)


def refusal(*masks, coloured=False, by_table=False):
    found = [
        Found(f'{k}.png', labels, dict.fromkeys(symbols, 1), coloured, None)
        for k, (labels, symbols) in enumerate(masks)
    ]
    judged, known = interpret(found, NAMES, {})
    assert judged is None
    return describe_refusal(found, known, NAMES, by_table)


def test_numbering():
    assert describe_numbering(NAMES) == (
        '0 is background, then come the classes (1 cat, 2 [/b]), 255 does not count'
    )
    many = [f'kind {k:02}' for k in range(30)]
    assert '1 kind 00, ' in describe_numbering(many)
    assert ', 20 kind 19 ..)' in describe_numbering(many)


@pytest.mark.parametrize(
    ('masks', 'parts'),
    [
        ([(CAT, (0,)), (CAT, (0,))], ['no mask has an object: all pixels of 2 masks are']),
        (
            [(CAT, (0, 255)), ((1, 2), (0, 255))],
            ['one value for all objects, but the image of 1.png has 2 labels', '255 (2)'],
        ),
        ([((), (0, 255))], ['the image of 0.png has no labels']),
        (
            [(CAT, (0, 26001, 26002))],
            ['do they number the objects?', 'the values 0 (1), 26001 (1), 26002 (1)'],
        ),
        ([(CAT, range(200))], ['as of a smooth picture or numbers of objects', ' .. (in brackets']),
        (
            [((2,), (0, 1)), ((2,), (0, 1)), ((1, 2), (0, 1))],
            ['in 2 of 3 masks there are classes that the image does not have, as class 1 = cat ',
             'where the image is labelled [/b] (first: 0.png); are they numbered differently?'],
        ),
    ],
)  # fmt: skip
def test_numbers(masks, parts):
    text = refusal(*masks)
    for part in parts:
        assert part in text


def test_colours():
    text = refusal(((1, 2), (0, 0xFF0000, 0x00FF01)), (CAT, (0, 0xFF0000)), coloured=True)
    assert 'The colours of the masks are of no palette that is known. The masks have the' in text
    assert 'the colours 0,0,0 (2), 255,0,0 (2), 0,255,1 (1) (in brackets: number of masks)' in text
    assert 'with --masks-colours FILE.csv, whose first line is r,g,b,class and which has a' in text
    many = refusal((CAT, [k * 4097 for k in range(100)]), coloured=True)
    assert 'the masks have 100 colours' in many
    assert 'saved as JPEG, made smaller smoothly' in many
    table = refusal(((1, 2), (0, 0xFF0000, 0x00FF01)), coloured=True, by_table=True)
    assert table.endswith('give each of them a row in the file of --masks-colours')
