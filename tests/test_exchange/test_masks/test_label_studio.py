import json
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from tiny_masks import CLASSES, brush_words, make_export, shown

from qaclims_mm.exchange.masks.brush import encode_brush
from qaclims_mm.exchange.masks.export import export_masks
from qaclims_mm.exchange.masks.runs import run_lengths

PREFIX = '/data/local-files/?d=images/'


def brush(pixels):
    return encode_brush(run_lengths(pixels.astype(np.uint8).reshape(-1)).tolist())


def region(kind='polygonlabels', labels=('dog',), size=(6, 8), **value):
    value = value or dict(points=[[12.5, 100 / 6], [50, 100 / 6], [50, 50], [12.5, 50]])
    height, width = size
    return dict(
        type=kind, original_height=height, original_width=width, value=value | {kind: [*labels]}
    )


def write(path, *tasks):
    path.write_text(json.dumps(tasks))
    return path


def task(*result, image='p0.jpg', kind='annotations'):
    return {'data': {'image': image}, kind: [{'result': [*result]}]}


# Label Studio serves no file that lies directly in its document root
@pytest.mark.parametrize('copy_images', [False, True])
@pytest.mark.parametrize('folder', ['images', 'été #1', 'a/b'])
def test_a_link_begins_with_the_name_of_the_folder(tmp_path, monkeypatch, copy_images, folder):
    given, _ = make_export(tmp_path)
    images = tmp_path / 'x' / folder
    images.parent.mkdir(parents=True)
    (tmp_path / 'images').rename(images)
    monkeypatch.chdir(tmp_path / 'x')
    given['images'] = {
        i: Path('../x') / folder / p.relative_to(tmp_path / 'images')
        for i, p in given['images'].items()
    }
    options = dict(classes=CLASSES, out=tmp_path / 'out', format='label-studio')
    export_masks(**given, **options, copy_images=copy_images)
    root = tmp_path / 'out' if copy_images else images.parent
    for one in json.loads((tmp_path / 'out/tasks.json').read_text(encoding='utf-8')):
        path = unquote(one['data']['image'].removeprefix('/data/local-files/?d='))
        assert (root / path).is_file()
        assert path.startswith('images/' if copy_images else f'{images.name}/')


def by_hand(entry, size):
    """Fill a region at eight times the size, and look at the centres of pixels."""
    value = entry['value']
    if entry['type'] == 'brushlabels':
        return brush_words(value['rle'])[:, 3].reshape(size) > 0
    points = np.array(value['points']) / 100 * size[::-1]
    large = np.zeros((8 * size[0], 8 * size[1]), np.uint8)
    cv2.fillPoly(large, [np.round(points * 8 - 0.5).astype(np.int32)], 1)
    return large[3::8, 3::8] > 0


@pytest.mark.parametrize(
    ('prefix', 'start'),
    [
        ('https://host/f', 'https://host/f/'),
        ('https://host/f/', 'https://host/f/'),
        ('/data/local-files/?d=', '/data/local-files/?d='),
        ('s3://bucket', 's3://bucket/'),
    ],
)
def test_a_slash_joins_links(exported, prefix, start):
    out, masks = exported('label-studio', image_url=prefix)
    links = [task['data']['image'] for task in json.loads((out / 'tasks.json').read_text())]
    assert all(link.startswith(start) for link in links)
    names = [unquote(link.removeprefix(start)).rpartition('.')[0] for link in links]
    assert sorted(names) == sorted(masks)


@pytest.mark.parametrize('rle', [False, True])
@pytest.mark.parametrize('image_url', [None, '', 'https://host/'])
def test_another_rasteriser_makes_the_same_masks(exported, rle, image_url):
    out, masks = exported('label-studio', rle=rle, image_url=image_url)
    image_url = PREFIX if image_url is None else image_url
    tasks = json.loads((out / 'tasks.json').read_text(encoding='utf-8'))
    assert len(tasks) == len(masks)
    config = ElementTree.parse(out / 'labeling_config.xml').getroot()  # noqa: S314
    controls = {c.get('name'): c for c in config if c.tag != 'Image'}
    # the tool that the regions need comes first
    assert [*controls] == (['brush', 'polygon'] if rle else ['polygon', 'brush'])
    for entry in tasks:
        link = entry['data']['image']
        assert link.startswith(image_url)
        assert ' ' not in link
        assert '#' not in link
        mask = shown(masks[unquote(link.removeprefix(image_url)).rpartition('.')[0]])
        found = np.zeros_like(mask)
        for one in entry['predictions'][0]['result']:
            [label] = one['value'][one['type']]
            # what Label Studio looks for in the labeling config
            control = controls[one['from_name']]
            assert control.tag.lower() == one['type']
            assert label in [child.get('value') for child in control]
            assert control.get('toName') == one['to_name'] == 'image'
            assert (one['original_height'], one['original_width']) == mask.shape
            found[by_hand(one, mask.shape)] = CLASSES.index(label) + 1
        np.testing.assert_array_equal(found, mask)
        ids = [one['id'] for one in entry['predictions'][0]['result']]
        assert len(set(ids)) == len(ids)


def test_what_label_studio_writes(tmp_path, read):
    pixels = np.eye(6, 8, dtype=np.uint8)
    path = write(
        tmp_path / 'x.json',
        task(region(), image='/data/upload/3/0a1b2c3d-p0.jpg'),
        task(region('brushlabels', ['cat'], format='rle', rle=brush(pixels)), image='p1.jpg'),
    )
    found, problems = read(path)
    assert not problems
    assert (found['p0'][1:3, 1:4] == 2).all()
    assert (found['p0'] > 0).sum() == 6
    np.testing.assert_array_equal(found['p1'], pixels)


def test_annotations_come_before_predictions(tmp_path, read):
    first = task(region()) | task(region(labels=['cat']), kind='predictions')
    first['annotations'].append(dict(result=[], was_cancelled=True))
    second = task(region(), image='p1') | dict(predictions=[])
    second['annotations'] += [dict(result=[region(labels=['cat'])])]
    path = write(tmp_path / 'x.json', first, second)
    found, problems = read(path)
    assert set(np.unique(found['p0'])) == {0, 2}
    assert set(np.unique(found['p1'])) == {0, 1}
    assert problems == [f'{path}, task 2: it has 2 annotations; the last counts']


REGIONS = {
    'box': (region('rectanglelabels'), "'rectanglelabels' is no mask; draw a polygon or use"),
    'list': ([], "'None' is no mask"),
    'no label': (region(labels=[]), 'it needs one label'),
    'labels': (region(labels=['dog', 'cat']), 'it needs one label'),
    'size': (region(size=(8, 6)), 'it is of an image of 6 x 8, not 8 x 6'),
    'points': (region(points=[[1, 2]]), 'it is no polygon of x and y'),
    'infinite': (region(points=[[1, 2], [3, 4], [5, float('inf')]]), 'a number is not finite'),
    'runs': (region('brushlabels', rle='x'), 'it has no run lengths'),
    'other runs': (region('brushlabels', rle=brush(np.eye(5))), 'of another size'),
}


@pytest.mark.parametrize(('bad', 'message'), REGIONS.values(), ids=REGIONS)
def test_a_bad_region_costs_itself(tmp_path, read, bad, message):
    path = write(tmp_path / 'x.json', task(bad, region()))
    found, problems = read(path)
    assert (found['p0'] == 2).sum() == 6
    [problem] = problems
    assert problem.startswith(f'{path}, task 1, region 1: ')
    assert message in problem


def test_bad_tasks(tmp_path, read):
    tasks = ({'data': {'image': 'p0'}}, 3, {'data': 3, 'annotations': [{'result': []}]})
    # an export of a task that nobody has submitted has the numbers of its predictions
    numbers = {'data': {'image': 'p1'}, 'annotations': [], 'predictions': [3]}
    path = write(
        tmp_path / 'x.json', numbers, *tasks, task(image='p0'), task(image='p0'), task(image='x')
    )
    found, problems = read(path)
    assert set(found) == {'p0'}
    words = (
        'no annotation that was submitted',
        'no annotation',
        'no image',
        'no image',
        'stands in',
        'is none of the images',
    )
    assert all(w in p for w, p in zip(words, problems, strict=True))
