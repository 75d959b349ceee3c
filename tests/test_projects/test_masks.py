import numpy as np
import pytest
from PIL import Image

from qaclims_mm.datasets.read_image import read_image
from qaclims_mm.datasets.voc12 import CLASSES
from qaclims_mm.errors import ConfigError, DataError
from qaclims_mm.exchange.labels.reading import read_source
from qaclims_mm.projects.checks import Checked, check_source
from qaclims_mm.projects.masks import find_masks
from qaclims_mm.schemas import read_mask, voc_palette, write_mask

NUMBERS = r'0 is background, then come the classes \(1 cat, 2 dog\), 255 does not count'
SIZE = (60, 40)


def project(rows, classes=('cat', 'dog'), **more):
    number = len(rows)
    given = dict(sizes=[SIZE] * number, orientations=[1] * number) | more
    return Checked(rows=rows, classes=list(classes), **given)


def striped(value, ignored=255, dtype=np.uint8):
    mask = np.zeros((40, 60), dtype)
    mask[:9], mask[9] = value, ignored
    return mask


def write(folder, **values):
    for image_id, value in values.items():
        write_mask(folder / f'{image_id}.png', striped(value))


def placed(truth, tmp_path, *images):
    """Return the masks that a project has of some images."""
    folder = truth.place(tmp_path / 'project')
    truth.convert(tmp_path / 'project')
    return [read_mask(folder / f'{image}.png') for image in images]


def test_masks_that_fit_stay_where_they_are(tmp_path):
    rows = {'a.jpg': ['cat', 'dog'], 'sub dir/été.webp': ['dog'], 'without.jpg': ['cat']}
    write(tmp_path, a=1, nobody=77)
    # all pixels of no account
    write_mask(tmp_path / 'sub dir/été.png', np.full((40, 60), 255))
    truth = find_masks(tmp_path, project(rows))
    assert truth.problems == []
    assert truth.notes == [
        'with a mask: 2 of 3 images',
        f'1 file belongs to no image in {tmp_path} (first: nobody.png)',
    ]
    assert truth.place(tmp_path / 'project') == tmp_path
    assert not (tmp_path / 'project').exists()


def test_no_masks(tmp_path):
    with pytest.raises(DataError, match='has no mask of an image; they are called as'):
        find_masks(tmp_path, project({'a.jpg': ['cat']}))
    write(tmp_path, b=1, c=1)
    with pytest.raises(DataError, match=r'has 2 files such as b\.png, but no mask of an image'):
        find_masks(tmp_path, project({'a.jpg': ['cat']}))


def test_masks_that_do_not_fit(tmp_path):
    write_mask(tmp_path / 'b.png', np.zeros((40, 40)))
    (tmp_path / 'c.png').write_bytes(b'no mask')
    write_mask(tmp_path / 'd.png', np.zeros((20, 30)))
    message = (
        r'(?s)^3 masks do not fit:.*b\.png: 40 x 40 pixels, its image has 60 x 40\n'
        r'  \S+c\.png is not a readable mask .*d\.png: 30 x 20 pixels, its image has 60 x 40; '
        r'scale it to that size by the nearest pixels\n'
        rf'A mask is as large as its image; {NUMBERS}\.$'
    )
    with pytest.raises(DataError, match=message):
        find_masks(tmp_path, project({f'{name}.jpg': ['cat'] for name in 'bcd'}))
    # lying beside an image that stands
    write_mask(tmp_path / 'e.png', np.zeros((60, 40)))
    with pytest.raises(DataError, match=r'e\.png: 40 x 60 pixels, its image has 60 x 40\n'):
        find_masks(tmp_path, project({'e.jpg': ['cat']}))


def test_masks_numbered_otherwise(tmp_path):
    write(tmp_path, a=2, b=2, c=1, d=0)
    rows = {f'{name}.jpg': ['cat'] for name in 'abd'} | {'c.jpg': []}
    message = (
        f'^{tmp_path}: in 3 of 3 masks there are classes that the image does not have, as class 2 '
        rf'= dog where the image is labelled cat \(first: {tmp_path}/a.png\); are they numbered '
        rf'differently\? {NUMBERS}'
    )
    with pytest.raises(DataError, match=message):
        find_masks(tmp_path, project(rows))


def test_an_oversight_is_said(tmp_path):
    rows = {f'{number}.jpg': ['cat'] for number in range(4)} | {'4.jpg': []}
    write(tmp_path, **{str(number): 1 for number in range(5)})
    [problem] = find_masks(tmp_path, project(rows)).problems
    assert 'in 1 of 5 masks there are classes' in problem
    assert 'class 1 = cat where the image has no label (first:' in problem


def test_a_number_that_no_class_has(tmp_path):
    write(tmp_path, a=77)
    rows = {'a.jpg': ['cat', 'dog']}
    with pytest.raises(DataError, match=r'do they number the obj.* 77 \(1\).*--masks-colours FI'):
        find_masks(tmp_path, project(rows))


def test_the_value_that_no_class_has(tmp_path):
    classes = [f'kind {number:03}' for number in range(300)]
    write_mask(tmp_path / 'a.png', np.full((40, 60), 256))
    truth = find_masks(tmp_path, project({'a.jpg': ['kind 254']}, classes))
    assert truth.problems == []
    assert truth.stays


@pytest.mark.parametrize('name', ['gone', 'file', 'file/x', 'x' * 10_000, 'a\nb'])
def test_no_folder_of_masks(tmp_path, name):
    (tmp_path / 'file').touch()
    with pytest.raises(ConfigError, match=r'^there is no folder .* with masks\.$'):
        find_masks(tmp_path / name, project({'a.jpg': ['cat']}))


def test_masks_that_are_no_files(tmp_path):
    (tmp_path / 'b.png').mkdir()
    (tmp_path / 'c.png').symlink_to('/dev/zero')
    rows = {f'{name}.jpg': ['cat'] for name in 'bc'}
    with pytest.raises(DataError, match=r'(?s)2 masks .*b.png .*it is a folder.*c.png .*not a reg'):
        find_masks(tmp_path, project(rows))


@pytest.mark.parametrize(
    ('name', 'make'),
    [
        ('a_mask.png', lambda m: Image.fromarray(m)),
        ('a.jpg.png', lambda m: Image.fromarray(m)),
        ('a.bmp', lambda m: Image.fromarray(m)),
        ('a.tif', lambda m: Image.fromarray(m.astype(np.float32))),
        ('a.tiff', lambda m: Image.fromarray(m.astype(np.uint16))),
        ('a.png', lambda m: Image.fromarray(m).convert('LA')),
        ('a.png', lambda m: Image.fromarray(m).convert('RGB')),
        ('a.png', lambda m: Image.fromarray(m).convert('RGBA')),
        ('a.gif', lambda m: Image.fromarray(m)),
    ],
)
def test_other_names_and_forms_are_converted(tmp_path, name, make):
    make(striped(2)).save(tmp_path / name)
    truth = find_masks(tmp_path, project({'a.jpg': ['dog']}))
    assert any('1 mask is converted into the folder masks' in note for note in truth.notes)
    [mask] = placed(truth, tmp_path, 'a')
    np.testing.assert_array_equal(mask, striped(2))


@pytest.mark.parametrize('name', ['a' * 245, '猫' * 80, 'a #%é{x}[0]'])
def test_long_and_odd_names(tmp_path, name):
    (tmp_path / 'masks').mkdir()
    Image.fromarray(striped(2)).convert('RGB').save(tmp_path / f'masks/{name}.png')
    truth = find_masks(tmp_path / 'masks', project({f'{name}.jpg': ['dog']}))
    [mask] = placed(truth, tmp_path, name)
    np.testing.assert_array_equal(mask, striped(2))


def test_a_table_of_colours(tmp_path):
    colours = np.zeros((40, 60, 3), np.uint8)
    colours[:5], colours[5:8] = (10, 20, 30), (1, 2, 3)
    (tmp_path / 'masks').mkdir()
    Image.fromarray(colours).save(tmp_path / 'masks/a.png')
    checked = project({'a.jpg': ['cat', 'dog']})
    with pytest.raises(DataError, match=r'of no palette.*10,20,30 \(1\).*first line is r,g,b'):
        find_masks(tmp_path / 'masks', checked)
    table = tmp_path / 'colours.csv'
    table.write_text('r,g,b,class\n10,20,30,dog\n1,2,3,ignore\n')
    [mask] = placed(find_masks(tmp_path / 'masks', checked, table), tmp_path, 'a')
    assert mask[:, 0].tolist() == [2] * 5 + [255] * 3 + [0] * 32


def test_masks_that_are_there_already_are_not_converted_again(tmp_path):
    (tmp_path / 'own').mkdir()
    for image in 'ab':
        Image.fromarray(striped(2)).convert('RGB').save(tmp_path / f'own/{image}.png')
    table, checked = (
        tmp_path / 'colours.csv',
        project({'a.jpg': ['cat', 'dog'], 'b.jpg': ['cat', 'dog']}),
    )
    for name, wanted in (('dog', (2, 0)), ('cat', (2, 0))):
        table.write_text(f'value,class\n2,{name}\n255,ignore\n0,background\n')
        truth = find_masks(tmp_path / 'own', checked, table)
        counts = [truth.convert(tmp_path / 'project') for _ in range(2)]
        assert counts == [*wanted]
    (tmp_path / 'project/masks/a.png').write_bytes(b'broken')
    assert truth.convert(tmp_path / 'project') == 1


def test_masks_are_not_written_over_themselves(tmp_path):
    folder = tmp_path / 'project/masks'
    folder.mkdir(parents=True)
    Image.fromarray(striped(1).astype(bool)).save(folder / 'a.png')
    before = (folder / 'a.png').read_bytes()
    truth = find_masks(folder, project({'a.jpg': ['cat']}, ['cat']))
    with pytest.raises(ConfigError, match='is where the converted masks go; move your own ones'):
        truth.place(tmp_path / 'project')
    assert (folder / 'a.png').read_bytes() == before


# --- EXIF -----------------------------------------------------------------------------------------


def turned_project(sizes, orientations, classes=('cat',)):
    rows = {f'{k}.jpg': ['cat'] for k in range(len(sizes))}
    return project(rows, classes, sizes=sizes, orientations=orientations)


def write_corner(path, width, height):
    mask = np.zeros((height, width), np.uint8)
    mask[:5, :8] = 1
    write_mask(path, mask)
    return mask


def test_masks_of_the_stored_size_are_turned(tmp_path):
    # of the last one both readings have one size: it is read as the first one
    mask = write_corner(tmp_path / '0.png', 60, 40)
    write_corner(tmp_path / '1.png', 60, 40)
    square = write_corner(tmp_path / '2.png', 50, 50)
    checked = turned_project([(40, 60), (60, 40), (50, 50)], [6, 1, 3])
    truth = find_masks(tmp_path, checked)
    assert truth.problems == []
    assert '2 masks lie on the pixels as they are stored, and turned as EXIF' in truth.notes[0]
    first, second, third = placed(truth, tmp_path, '0', '1', '2')
    np.testing.assert_array_equal(first, np.rot90(mask, -1))
    np.testing.assert_array_equal(second, mask)
    np.testing.assert_array_equal(third, square[::-1, ::-1])


def test_masks_of_the_turned_size_stay(tmp_path):
    write_corner(tmp_path / '0.png', 40, 60)
    write_corner(tmp_path / '1.png', 50, 50)
    truth = find_masks(tmp_path, turned_project([(40, 60), (50, 50)], [6, 8]))
    assert (truth.problems, truth.notes, truth.stays) == ([], [], True)


@pytest.mark.parametrize('orientation', range(2, 9))
def test_masks_of_either_size(tmp_path, orientation):
    mask = write_corner(tmp_path / '0.png', 50, 50)
    checked = turned_project([(50, 50)], [orientation])
    truth = find_masks(tmp_path, checked)
    assert truth.stays
    [problem] = truth.problems
    assert '1 image is turned by EXIF (first: 0.jpg), and so must the mask be' in problem
    assert 'give --masks-as-stored' in problem
    truth = find_masks(tmp_path, checked, as_stored=True)
    assert truth.problems == []
    [found] = placed(truth, tmp_path, '0')
    exif = Image.Exif()
    exif[0x0112] = orientation
    # as the image itself is turned
    Image.fromarray(mask).save(tmp_path / 'x.png', exif=exif)
    np.testing.assert_array_equal(found, read_image(tmp_path / 'x.png', oriented=True)[0][..., 0])


def test_some_masks_are_turned_and_some_are_not(tmp_path):
    for k, (width, height) in enumerate([(60, 40), (40, 60), (50, 50)]):
        write_corner(tmp_path / f'{k}.png', width, height)
    truth = find_masks(tmp_path, turned_project([(40, 60), (40, 60), (50, 50)], [6, 6, 6]))
    assert truth.turned == {'0.jpg'}
    assert '1 image is turned by EXIF (first: 2.jpg)' in truth.problems[0]


def test_masks_as_stored_must_have_that_size(tmp_path):
    write_corner(tmp_path / '0.png', 40, 60)
    with pytest.raises(DataError, match=r'40 x 60 pixels, its image has 40 x 60 as EXIF turns it'):
        find_masks(tmp_path, turned_project([(40, 60)], [6]), as_stored=True)


# --- what people have -----------------------------------------------------------------------------


def checked_case(cases_dir, images='images'):
    source = read_source(cases_dir / 'one-class.csv', cases_dir / images)
    return check_source(source, cases_dir / images)


@pytest.mark.parametrize('kind', ['0-255', '1-bit', 'rgb'])
def test_the_cases_of_masks(cases_dir, tmp_path, kind):
    truth = find_masks(cases_dir / f'masks-{kind}', checked_case(cases_dir))
    assert truth.problems == []
    for mask in placed(truth, tmp_path, 'p0', 'p1', 'p2', 'p3'):
        expected = np.zeros((64, 80), int)
        expected[16:48, 20:60] = 1
        assert (mask != expected).mean() < 0.02
        assert set(np.unique(mask)) == {0, 1}


def test_the_cases_of_exif(cases_dir, tmp_path):
    checked = checked_case(cases_dir, 'exif')
    truth = find_masks(cases_dir / 'masks-exif', checked)
    assert '4 images are turned by EXIF (first: p0.jpg)' in truth.problems[0]
    as_stored = find_masks(cases_dir / 'masks-exif', checked, as_stored=True)
    [mask] = placed(as_stored, tmp_path, 'p0')
    stored = read_mask(cases_dir / 'masks-exif/p0.png')
    np.testing.assert_array_equal(mask, np.rot90(stored, -1))


# --- real photographs -----------------------------------------------------------------------------


@pytest.fixture(scope='module')
def voc(realdata_dir):
    """Images of VOC with the labels of their masks, and those masks."""
    root = realdata_dir / 'VOCdevkit/VOC2012'
    masks = {p.stem: read_mask(p) for p in sorted(root.glob('SegmentationClass/*.png'))}
    values = {k: sorted(set(np.unique(m).tolist()) - {0, 255}) for k, m in masks.items()}
    classes = sorted({CLASSES[v] for own in values.values() for v in own})
    place = {0: 0, 255: 255} | {CLASSES.index(name): k for k, name in enumerate(classes, start=1)}
    own = {k: np.vectorize(place.get)(m).astype(np.uint8) for k, m in masks.items()}
    rows = {f'{k}.jpg': [CLASSES[v] for v in values[k]] for k in masks}
    sizes = [mask.shape[::-1] for mask in masks.values()]
    return project(rows, classes, sizes=sizes, orientations=[1] * len(rows)), masks, own


@pytest.mark.realdata
def test_masks_of_voc(voc, tmp_path):
    checked, masks, own = voc
    palette = np.reshape(voc_palette(), (-1, 3)).astype(np.uint8)
    kinds = dict(
        numbers=lambda m: Image.fromarray(m),
        colours=lambda m: Image.fromarray(palette[m]),
        transparent=lambda m: Image.fromarray(palette[m]).convert('RGBA'),
    )
    assert masks
    for kind, make in kinds.items():
        folder = tmp_path / kind
        folder.mkdir()
        for image_id, mask in masks.items():
            make(mask).save(folder / f'{image_id}_{kind}.png')
        truth = find_masks(folder, checked)
        assert 'VOC' in truth.notes[-1]
        place = truth.place(tmp_path / f'project {kind}')
        truth.convert(tmp_path / f'project {kind}')
        for image_id, expected in own.items():
            np.testing.assert_array_equal(read_mask(place / f'{image_id}.png'), expected)


@pytest.mark.realdata
@pytest.mark.parametrize('white', [1, 255])
def test_masks_of_one_class_of_voc(voc, tmp_path, white):
    _, masks, _ = voc
    own = {k: (m == CLASSES.index('person')) for k, m in masks.items()}
    own = {k: m for k, m in own.items() if m.any()}
    rows = {f'{k}.jpg': ['person'] for k in own}
    for image_id, mask in own.items():
        pixels = mask if white == 1 else mask.astype(np.uint8) * 255
        Image.fromarray(pixels).save(tmp_path / f'{image_id}.png')
    sizes = [mask.shape[::-1] for mask in own.values()]
    checked = project(rows, ['person'], sizes=sizes, orientations=[1] * len(rows))
    truth = find_masks(tmp_path, checked)
    place = truth.place(tmp_path / 'project')
    truth.convert(tmp_path / 'project')
    for image_id, expected in own.items():
        np.testing.assert_array_equal(read_mask(place / f'{image_id}.png'), expected)


@pytest.mark.realdata
def test_masks_of_half_the_size_are_refused(voc, tmp_path):
    checked, masks, _ = voc
    for image_id, mask in masks.items():
        Image.fromarray(mask[::2, ::2]).save(tmp_path / f'{image_id}.png')
    with pytest.raises(DataError, match=rf'(?s)^{len(masks)} masks do not fit.*scale it to that'):
        find_masks(tmp_path, checked)


@pytest.mark.realdata
def test_masks_with_artefacts_are_refused(voc, tmp_path):
    checked, masks, _ = voc
    for name in ('JPEG', 'PNG'):
        (tmp_path / name).mkdir()
        for image_id, mask in masks.items():
            white = Image.fromarray((mask > 0).astype(np.uint8) * 255)
            path = tmp_path / f'{name}/{image_id}.jpg'
            white.save(path, quality=80)
            if name == 'PNG':
                Image.open(path).save(path.with_suffix('.png'))
                path.unlink()
    with pytest.raises(DataError, match='is JPEG, whose colours are not exact'):
        find_masks(tmp_path / 'JPEG', checked)
    with pytest.raises(DataError, match='neither as JPEG nor smoothed'):
        find_masks(tmp_path / 'PNG', checked)
