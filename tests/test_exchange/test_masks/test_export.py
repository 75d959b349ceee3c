import os
import re

import numpy as np
import pytest
from tiny_masks import HOSTILE, SIZE, ious, make_export, many_classes, shown, sizes

from qaclims_mm.errors import ConfigError, DataError, RecordError
from qaclims_mm.exchange.masks.export import FORMATS, Tally, export_masks
from qaclims_mm.exchange.masks.reading import read_masks
from qaclims_mm.schemas import write_mask

WITH_RLE = ('coco', 'labelme', 'cvat', 'label-studio')
CLASSES = ('dog', 'cat', 'a sheep')
WAYS = [*((name, False) for name in FORMATS), *((name, True) for name in WITH_RLE)]


def as_kept(mask, name):
    return mask if name == 'png' else shown(mask)


@pytest.mark.parametrize(('name', 'rle'), WAYS)
def test_every_pixel_comes_back(tmp_path, name, rle):
    given, masks = make_export(tmp_path)
    tally = Tally()
    files = export_masks(
        **given,
        classes=CLASSES,
        out=tmp_path / 'out',
        format=name,
        tolerance=0,
        rle=rle,
        tally=tally,
    )
    assert sorted(files) == sorted(p for p in (tmp_path / 'out').rglob('*') if p.is_file())
    problems = []
    found = dict(read_masks(tmp_path / 'out', sizes(masks), CLASSES, problems))
    assert not problems
    assert set(found) == set(masks)
    for image_id, mask in masks.items():
        np.testing.assert_array_equal(found[image_id], as_kept(mask, name))
    assert tally.images == len(masks)
    assert set(tally.regions) == set(tally.with_class) == set(CLASSES)
    assert not tally.problems


@pytest.mark.parametrize('name', FORMATS)
def test_a_tolerance_costs_two_hundredths_at_most(tmp_path, name):
    given, masks = make_export(tmp_path)
    export_masks(**given, classes=CLASSES, out=tmp_path / 'out', format=name)
    found = dict(read_masks(tmp_path / 'out', sizes(masks), CLASSES, []))
    assert min(iou for i, m in masks.items() for iou in ious(m, found[i])) >= 0.98


@pytest.mark.parametrize(('name', 'rle'), WAYS)
def test_names_are_data(tmp_path, name, rle):
    given, masks = make_export(tmp_path, classes=len(HOSTILE))
    classes = [n for n in HOSTILE if name != 'voc' or ':' not in n]
    for image_id in masks:
        masks[image_id] = np.where(masks[image_id] == 1, len(classes), masks[image_id])
        write_mask(given['masks'] / f'{image_id}.png', masks[image_id])
    export_masks(**given, classes=classes, out=tmp_path / 'out', format=name, tolerance=0, rle=rle)
    problems = []
    # the classes of the reader stand in another order
    found = dict(read_masks(tmp_path / 'out', sizes(masks), classes[::-1], problems))
    assert not problems
    other = np.array([0, *range(len(classes), 0, -1), *range(len(classes) + 1, 256)])
    for image_id, mask in masks.items():
        np.testing.assert_array_equal(found[image_id], other[as_kept(mask, name)])


@pytest.mark.parametrize('name', [n for n in FORMATS if n != 'voc'])
def test_300_classes(tmp_path, name):
    given, _ = make_export(tmp_path, names=['a'])
    names, mask = many_classes(300)
    write_mask(given['masks'] / 'a.png', mask)
    export_masks(**given, classes=names, out=tmp_path / 'out', format=name, tolerance=0)
    [(_, found)] = read_masks(tmp_path / 'out', {'a': SIZE}, names, [])
    np.testing.assert_array_equal(found, mask)


def test_voc_holds_254_classes(tmp_path):
    given, _ = make_export(tmp_path)
    names, _ = many_classes(300)
    message = 'voc holds at most 254 classes, but there are 300; choose another format.'
    with pytest.raises(ConfigError, match=re.escape(message)):
        export_masks(**given, classes=names, out=tmp_path / 'out', format='voc')
    export_masks(**given, classes=names[:254], out=tmp_path / 'out', format='voc')


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('a:b', "class 'a:b': it has a colon"),
        ('#1', "class '#1': it starts with #"),
        ('background', "class 'background': that is what the rest"),
    ],
)
def test_names_that_voc_cannot_hold(tmp_path, name, message):
    given, _ = make_export(tmp_path)
    with pytest.raises(ConfigError, match=re.escape(message)):
        export_masks(**given, classes=[name, 'x', 'y'], out=tmp_path / 'out', format='voc')
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('name', ['yolo', 'cvat', 'label-studio'])
def test_names_that_markup_cannot_hold(tmp_path, name):
    given, _ = make_export(tmp_path)
    with pytest.raises(ConfigError, match=r'it has the character U\+FFFE'):
        export_masks(**given, classes=['a\ufffe', 'x', 'y'], out=tmp_path / 'out', format=name)


BAD = {
    'format': (dict(format='cocoo'), "there is no format 'cocoo'; did you mean coco?"),
    'far format': (dict(format='zzz'), "there is no format 'zzz'; there are png, coco, yolo, "),
    'rle': (dict(format='yolo', rle=True), 'yolo has no run lengths (rle); coco, labelme, '),
    'tolerance': (dict(tolerance=-1), 'tolerance must be 0 or more pixels, but got -1.'),
    'infinity': (dict(tolerance=float('nan')), 'tolerance must be 0 or more pixels, but got nan.'),
    'classes': (dict(classes=()), 'there must be at least one class, but there is none.'),
    'gap': (dict(classes=['x'] * 300), 'the class at index 254 must be (nobody), but is'),
}


@pytest.mark.parametrize(('options', 'message'), BAD.values(), ids=BAD)
def test_bad_options(tmp_path, options, message):
    given, _ = make_export(tmp_path)
    options = dict(classes=CLASSES, format='coco') | options
    with pytest.raises(ConfigError, match=re.escape(message)):
        export_masks(**given, out=tmp_path / 'out', **options)
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('name', FORMATS)
def test_an_earlier_export_is_written_over_and_other_files_are_not(tmp_path, name):
    given, masks = make_export(tmp_path)
    options = dict(classes=CLASSES, out=tmp_path / 'out', format=name, copy_images=True)
    before = {p: p.read_bytes() for p in export_masks(**given, **options)}
    assert len(before) > len(masks)
    assert {p: p.read_bytes() for p in export_masks(**given, **options)} == before
    (tmp_path / 'out/mine.txt').write_text('x')
    with pytest.raises(ConfigError, match=r'out has other files, such as mine\.txt; give another'):
        export_masks(**given, **options)


@pytest.mark.parametrize('name', FORMATS)
def test_fewer_images_meet_the_files_of_more(tmp_path, name):
    given, _ = make_export(tmp_path)
    options = dict(classes=CLASSES, out=tmp_path / 'out', format=name, copy_images=True)
    export_masks(**given, **options)
    given['images'].pop('a')
    with pytest.raises(ConfigError, match='has other files'):
        export_masks(**given, **options)


@pytest.mark.parametrize('name', FORMATS)
def test_a_bad_mask_costs_that_mask(tmp_path, name):
    given, masks = make_export(tmp_path)
    (given['masks'] / 'a.png').write_bytes(b'x')
    write_mask(given['masks'] / 'x.y.png', np.full(SIZE, 9))
    given['images']['été'].unlink()
    (given['masks'] / 'sub dir/b.png').unlink()
    tally, problems = Tally(), []
    options = dict(classes=CLASSES, out=tmp_path / 'out', format=name, tolerance=0)
    files = export_masks(**given, **options, tally=tally)
    assert len(tally.problems) == 3
    assert 'a.png is not a readable mask' in tally.problems[0]
    assert (
        'x.y.png: value 9, but the number of classes is 3; the mask is left out.'
        in tally.problems[1]
    )
    assert re.search(r'image .*t.\.PNG is missing; its mask is left out\.', tally.problems[2])
    assert tally.images == 2
    assert all(path.is_file() for path in files)
    found = dict(read_masks(tmp_path / 'out', sizes(masks), CLASSES, problems))
    assert set(found) == {'sub dir/deep/c d', 'odd #1 100%'}
    # without a tally the first one ends it
    with pytest.raises((RecordError, ValueError), match=r'a\.png is not a readable mask'):
        export_masks(**given, **options)
    assert not [p for p in (tmp_path / 'out').rglob('*') if p.name.endswith('.tmp')]


def test_all_masks_are_bad(tmp_path):
    given, _ = make_export(tmp_path)
    for path in given['masks'].rglob('*.png'):
        path.write_bytes(b'')
    with pytest.raises(DataError, match='6 masks cannot be written, and none is left:'):
        export_masks(**given, classes=CLASSES, out=tmp_path / 'out', format='coco', tally=Tally())
    assert not [p for p in (tmp_path / 'out').rglob('*') if p.is_file()]


def test_no_mask(tmp_path):
    given, _ = make_export(tmp_path)
    given['masks'] = tmp_path / 'absent'
    with pytest.raises(DataError, match=r'absent has no mask of the 6 images; a mask is called'):
        export_masks(**given, classes=CLASSES, out=tmp_path / 'out', format='coco')


def test_the_folder_is_a_file(tmp_path):
    given, _ = make_export(tmp_path)
    (tmp_path / 'out').write_text('x')
    with pytest.raises(ConfigError, match=r'out is a file; give a folder\.'):
        export_masks(**given, classes=CLASSES, out=tmp_path / 'out', format='coco')


@pytest.mark.parametrize('name', FORMATS)
def test_leftovers_of_a_killed_export_are_no_other_files(tmp_path, name):
    given, _ = make_export(tmp_path)
    (tmp_path / 'out').mkdir()
    (tmp_path / f'out/.0123456789abcdef.{os.getpid()}.tmp').write_text('half')
    assert export_masks(**given, classes=CLASSES, out=tmp_path / 'out', format=name)
