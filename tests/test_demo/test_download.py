import csv
import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image
from strategies import ODD_NAMES

from qaclims_mm.demo.answers import HEAD
from qaclims_mm.demo.download import Result, pack
from qaclims_mm.demo.found import Explained, Found
from qaclims_mm.errors import ConfigError
from qaclims_mm.exchange.masks.export import FORMATS
from qaclims_mm.schemas import voc_palette
from qaclims_mm.schemas.project import with_gap

CLASSES = ('a', 'b', 'c', 'd', 'cat', 'e', 'été; "x"')


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / name for name in ('one.jpg', 'Größe 2.heic')]
    for path in paths:
        path.write_bytes(b'an image')
    return paths


def found(segmented=None, values=()):
    image = np.arange(36, dtype=np.uint8).reshape(3, 4, 3)
    cams, refined = np.zeros((2, 2, 3, 4), np.float32)
    cams[1, 0] = 0.6
    refined[0, :2] = 0.5
    names, indices = ('cat', 'été; "x"'), np.array([4, 6])
    return Found(image, (6, 8), names, indices, cams, refined, segmented, values)


def unpack(results, classes=CLASSES, **options):
    file = io.BytesIO()
    pack(file, results, classes, 0.3, **options)
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def table(content):
    return list(csv.reader(io.StringIO(content.decode(), newline='')))


def picture(content):
    return Image.open(io.BytesIO(content))


def test_pack(files):
    rows = [('cat', 'the object', 'What, exactly?', 'a "tabby", striped')]
    made = unpack([Result(p.stem, p, Explained(found(), rows)) for p in files])
    names = [f'{p.stem}.png' for p in reversed(files)]
    assert sorted(made) == sorted(
        [
            'answers.csv',
            'classes.csv',
            *(f'as_read/{n}' for n in names),
            *(f'{kind}/{n}' for kind in ('masks', 'refined') for n in (*names, 'classes.csv')),
        ]
    )
    np.testing.assert_array_equal(picture(made['as_read/one.png']), found().image)
    mask, better = (picture(made[f'{kind}/Größe 2.png']) for kind in ('masks', 'refined'))
    assert mask.getpalette() == voc_palette()
    # as large as the file
    np.testing.assert_array_equal(mask, np.repeat([7, 0, 0], 2)[:, None] * np.ones((1, 8)))
    np.testing.assert_array_equal(better, np.repeat([5, 5, 0], 2)[:, None] * np.ones((1, 8)))
    assert table(made['classes.csv']) == [
        ['value', 'class'],
        ['0', 'background'],
        *([str(k), name] for k, name in enumerate(CLASSES, start=1)),
    ]
    assert table(made['answers.csv']) == [
        ['image', *HEAD],
        *([p.name, *rows[0]] for p in files),
    ]


@pytest.mark.parametrize('format', FORMATS)
def test_every_format_of_export(files, format):
    made = unpack([Result(p.stem, p, Explained(found(), ())) for p in files], format=format)
    for kind in ('masks', 'refined'):
        assert [name for name in made if name.startswith(f'{kind}/')]
    # the images are not packed, also where a format names their files
    assert not any(name.endswith(('.jpg', '.heic')) for name in made)
    if format == 'labelme':
        value = json.loads(made['masks/one.json'])
        assert value['imagePath'] == '../one.jpg'
    if format == 'coco':
        [path] = [name for name in made if name.startswith('masks/')]
        value = json.loads(made[path])
        assert [image['file_name'] for image in value['images']] == [p.name for p in files]
        assert {one['category_id'] for one in value['annotations']} == {7}


def test_a_segmentor_has_its_own_classes(files):
    mask = np.zeros((3, 4), np.uint8)
    mask[1:] = 2
    made = unpack([Result('one', files[0], Explained(found(mask, ('background', 'x', 'y')), ()))])
    assert table(made['segmentor/classes.csv'])[1:] == [['0', 'background'], ['1', 'x'], ['2', 'y']]
    assert set(np.unique(picture(made['segmentor/one.png']))) == {0, 2}


def test_a_segmentor_alone(files):
    none = np.zeros((0, 3, 4), np.float32)
    mask = np.ones((3, 4), np.uint8)
    alone = Found(found().image, (3, 4), (), np.zeros(0, int), none, none, mask, ('no', 'x'))
    made = unpack([Result('one', files[0], Explained(alone, ()))], classes=())
    assert sorted(made) == [
        'answers.csv',
        'as_read/one.png',
        'classes.csv',
        'segmentor/classes.csv',
        'segmentor/one.png',
    ]
    assert table(made['classes.csv'])[2] == ['1', 'x']


def test_an_unknown_format_is_refused(files):
    with pytest.raises(ConfigError, match="there is no format 'cocoo'; did you mean coco"):
        unpack([Result('one', files[0], Explained(found(), ()))], format='cocoo')


@pytest.mark.parametrize('name', ODD_NAMES)
def test_tables_hold_any_name(files, name):
    image = np.zeros((1, 1, 3), np.uint8)
    maps = np.ones((1, 1, 1), np.float32)
    one = Found(image, (1, 1), (name,), np.array([0]), maps, maps)
    made = unpack(
        [Result('one', files[0], Explained(one, [(name, 'x', name, name)]))], classes=(name,)
    )
    assert table(made['classes.csv'])[2] == ['1', name]
    assert table(made['answers.csv'])[1] == ['one.jpg', name, 'x', name, name]


@pytest.mark.parametrize('key', [4, 700])
@pytest.mark.parametrize('size', [(5, 7), (13, 16), (15, 21), (1000, 7), (3, 2)])
def test_masks_are_as_large_as_the_file(files, size, key):
    """Pillow's nearest neighbour is the other way to make them so."""
    maps = np.random.default_rng(0).random((1, 5, 7)).astype(np.float32)
    one = Found(np.zeros((5, 7, 3), np.uint8), size, ('cat',), np.array([key]), maps, maps)
    classes = with_gap([f'class {k}' for k in range(key)])
    made = unpack([Result('one', files[0], Explained(one, ()))], classes=[*classes, 'cat'])
    mask = np.asarray(picture(made['masks/one.png']))
    small = Image.fromarray(one.mask(0.3, refined=False).astype(np.int32))
    wanted = small.resize(size[::-1], Image.Resampling.NEAREST)
    np.testing.assert_array_equal(mask, wanted)
    assert set(np.unique(mask)) == {0, key + 1}
