from dataclasses import replace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from PIL import Image

from qaclims_mm.errors import DataError
from qaclims_mm.schemas import Cams, drawn_name
from qaclims_mm.visualization.colours import page_colours
from qaclims_mm.visualization.overlays import outline_mask, overlay_cam
from qaclims_mm.visualization.sheet_page import LONGEST_TEXT
from qaclims_mm.visualization.sheets import (
    BG_COLOUR,
    FG_COLOUR,
    SheetColumn,
    draw_cam_sheet,
    fit_mask,
    load_column,
    save_figure,
    values_of,
)

RNG = np.random.default_rng(0)


def column(height=24, width=32, mask=True, names=('CAM', 'QA-CLIMS'), **changes):
    options = dict(
        image=RNG.integers(0, 256, (height, width, 3), dtype=np.uint8),
        class_name='potted plant',
        mask=RNG.integers(0, 3, (height, width), dtype=np.uint8) if mask else None,
        cams={name: RNG.random((height, width)) for name in names},
        fg=('cactus', 'fern', 'cactus'),
        bg=('window', 'kitchen'),
    )
    return SheetColumn(**options | changes)


def boxes(figure):
    """Return the pictures' boxes in inches, (left, top, right, bottom) from the upper left."""
    width, height = figure.get_size_inches()
    found = []
    for axes in figure.axes:
        x0, y0, x1, y1 = axes.get_position(original=True).extents
        found.append((x0 * width, (1 - y1) * height, x1 * width, (1 - y0) * height))
    return np.array(found)


def test_grid():
    columns = [column(), column(32, 24), column(10, 90)]
    figure = draw_cam_sheet(columns, side=1.2)
    grid = boxes(figure).reshape(3, 4, 4)  # columns, rows, box
    # all rows of a column have its width, all columns of a row its height
    assert np.ptp(grid[:, :, [0, 2]], axis=1) == pytest.approx(0)
    assert np.ptp(grid[:, :, [1, 3]], axis=0) == pytest.approx(0)
    widths = grid[:, 0, 2] - grid[:, 0, 0]
    # the aspect of the image, but at most 2
    assert widths == pytest.approx([1.2 * 32 / 24, 1.2 * 24 / 32, 2.4])
    assert grid[0, :, 3] - grid[0, :, 1] == pytest.approx(1.2)
    gaps = [*(grid[1:, 0, 0] - grid[:-1, 0, 2]), *(grid[0, 1:, 1] - grid[0, :-1, 3])]
    assert gaps == pytest.approx([gaps[0]] * 5)
    assert gaps[0] > 0


def test_pictures_of_the_rows():
    columns = [column(), column()]
    figure = draw_cam_sheet(columns)
    shown = [axes.get_images()[0].get_array() for axes in figure.axes]
    wanted = []
    for one in columns:
        wanted += [one.image, outline_mask(one.image, one.mask)]
        wanted += [overlay_cam(one.image, one.cams[name]) for name in ('CAM', 'QA-CLIMS')]
    for got, want in zip(shown, wanted, strict=True):
        np.testing.assert_array_equal(got, want)


def test_a_line_of_a_large_photograph_is_drawn():
    mask = np.zeros((900, 1200), np.uint8)
    mask[300:600, 400:800] = 3
    large = column(900, 1200, mask=False, made={'IRN': mask}, image=np.full((900, 1200, 3), 128))
    large = replace(large, image=large.image.astype(np.uint8))
    *_, axes = draw_cam_sheet([large], 1.2).axes
    shown = axes.get_images()[0].get_array()
    # as many pixels as are drawn, so that none is left out
    assert shown.shape[:2] == (240, 320)
    white = (shown == 255).all(-1)
    full = (shown == page_colours()[3]).all(-1)
    # all around: a line of white about one of the colour, 80 x 107 pixels large
    assert white.sum() == pytest.approx(2 * (80 + 107), rel=0.02)
    assert full.sum() == pytest.approx(2 * (80 + 107) - 4, rel=0.02)


def test_values_of_all_masks():
    columns = [column(mask=False), column(made={'IRN': np.array([[0, 7], [255, 7]])})]
    assert values_of(columns[:1]) == set()
    assert values_of(columns) == {1, 2, 7, 255}


def test_names_of_colours():
    legend = [('cat', (1, 2, 3)), ('x' * 999, (4, 5, 6))]
    figure = draw_cam_sheet([column(height=60, width=200)], 1.5, legend)
    texts = [t.get_text() for t in figure.texts]
    assert 'cat' in texts
    assert max(map(len, texts)) <= LONGEST_TEXT
    assert max(figure.get_size_inches()) < 20


def labels_of(figure):
    return [t.get_text() for t in figure.texts if t.get_rotation() == 90]


def test_rows_without_any_mask():
    figure = draw_cam_sheet([column(mask=False), column(mask=False)])
    assert labels_of(figure) == ['image', 'CAM', 'QA-CLIMS']
    assert len(figure.axes) == 6


def test_one_missing_mask_leaves_its_place_empty():
    figure = draw_cam_sheet([column(mask=False), column()])
    assert labels_of(figure) == ['image', 'ground truth', 'CAM', 'QA-CLIMS']
    assert len(figure.axes) == 7
    tops = boxes(figure)[:, 1]
    # the first column's maps stand in the rows of the second one's
    assert tops[[0, 1, 2]] == pytest.approx(tops[[3, 5, 6]])


def test_texts_and_their_colours():
    figure = draw_cam_sheet([column()])
    of_bar = ('activation 0', '1')
    written = [t for t in figure.texts if t.get_rotation() == 0 and t.get_text() not in of_bar]
    assert [t.get_text() for t in written] == ['potted plant', 'cactus, fern', 'window, kitchen']
    assert [t.get_weight() for t in written] == ['bold', 'normal', 'normal']
    assert [to_hex(t.get_color()) for t in written] == ['#000000', FG_COLOUR, BG_COLOUR]


@pytest.mark.parametrize('side', [0.8, 1.5])
def test_no_text_is_cut_or_overlaps(side):
    long = [f'some long answer {n}' for n in range(20)]
    name = 'QA-CLIMS without question-answer prompts'
    columns = [column(bg=long, names=('CAM', name)), column(32, 24, fg=(), names=('CAM', name))]
    figure = draw_cam_sheet(columns, side)
    figure.set_dpi(200)
    renderer = FigureCanvasAgg(figure).get_renderer()
    width, height = figure.get_size_inches() * 200
    extents = [t.get_window_extent(renderer) for t in figure.texts]
    extents += [axes.get_window_extent(renderer) for axes in figure.axes]
    for box in extents:
        assert 0 <= box.x0 < box.x1 <= width
        assert 0 <= box.y0 < box.y1 <= height
    assert not [
        (a, b)
        for i, a in enumerate(extents)
        for b in extents[:i]
        if min(a.x1, b.x1) - max(a.x0, b.x0) > 2 and min(a.y1, b.y1) - max(a.y0, b.y0) > 2
    ]


def test_bad_columns():
    with pytest.raises(ValueError, match='a sheet needs at least one column, but got none'):
        draw_cam_sheet([])
    with pytest.raises(ValueError, match=r"must have the maps and masks \['CAM', 'QA-CLIMS'\]"):
        draw_cam_sheet([column(), column(names=('CAM',))])


def test_save(tmp_path):
    path = save_figure(draw_cam_sheet([column()], side=0.5), tmp_path / 'new/sheet.png')
    with Image.open(path) as image:
        assert image.format == 'PNG'
        assert min(image.size) > 50
    assert list(path.parent.iterdir()) == [path]


def cams(keys, size=(6, 8)):
    maps = np.stack([np.full(size, k / 10, np.float32) for k in keys])
    return Cams(np.array(keys), maps, maps, size)


ANSWERS = [
    dict(class_name='dog', kind='fg', text='puppy'),
    dict(class_name='cat', kind='fg', text='kitten'),
    dict(class_name='dog', kind='bg', text='grass'),
]


def test_load_column():
    pixels = RNG.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    mask = np.ones((6, 8), np.uint8)
    found = load_column(pixels, 3, 'dog', {'CAM': cams([1, 3]), 'RITC': cams([1])}, mask, ANSWERS)
    # no view that holds the maps of all classes
    assert found.cams['CAM'].base is None
    np.testing.assert_array_equal(found.image, pixels)
    np.testing.assert_array_equal(found.cams['CAM'], np.full((6, 8), 0.3, np.float32))
    # no map of this class: nothing activated
    np.testing.assert_array_equal(found.cams['RITC'], np.zeros((6, 8)))
    assert found.mask is mask
    assert (found.class_name, found.fg, found.bg) == ('dog', ['puppy'], ['grass'])


@pytest.mark.parametrize(
    ('maps', 'mask', 'message'),
    [
        (cams([3], (8, 6)), None, r'CAM has size \(8, 6\) for img, which is read with \(6, 8\)'),
        (cams([3]), np.ones((8, 6)), r'the mask of img: a mask of \(8, 6\) is not of an image of'),
    ],
)
def test_parts_of_different_images(maps, mask, message):
    image = np.zeros((6, 8, 3), np.uint8)
    with pytest.raises(DataError, match=message):
        load_column(image, 3, 'dog', {'CAM': maps}, mask, name='img')


def test_masks_of_a_larger_file():
    mask = np.zeros((13, 16), np.uint16)
    mask[:, 8:] = 300
    image = np.zeros((6, 8, 3), np.uint8)
    found = load_column(image, 3, 'dog', {'CAM': cams([3])}, mask, made={'IRN': mask})
    for fitted in (found.mask, found.made['IRN']):
        assert fitted.shape == (6, 8)
        assert (fitted == [[0] * 4 + [300] * 4] * 6).all()
    assert fit_mask(mask, (13, 16)) is mask


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize(
    'name',
    ['$x_1$ $', '\\frac{', '%s {} {class}', '_hidden', 'a\nb\0\ud800', '<b>[/b]', 'x' * 10**5],
)
def test_names_are_drawn_as_they_are(tmp_path, name):
    sheet = draw_cam_sheet([column(class_name=name, names=(name,), fg=(name,), bg=(name,) * 2)])
    save_figure(sheet, tmp_path / 'sheet.png')
    drawn = drawn_name(name, LONGEST_TEXT).replace(' ', '')
    texts = ''.join(text.get_text() for text in sheet.texts).replace('\n', '').replace(' ', '')
    # beside its map, as the class, and twice as an answer
    assert texts.count(drawn) == 4
    # a name cannot make a sheet of any size
    assert max(sheet.get_size_inches()) < 20
