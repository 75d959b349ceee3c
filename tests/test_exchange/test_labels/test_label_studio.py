import json

import pytest

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.labels.reading import read_source


def task(image, *results, **changes):
    return dict(id=1, data=dict(image=image), annotations=[dict(result=list(results))]) | changes


def result(kind, labels, **value):
    return dict(type=kind, value=value | {kind: labels}, from_name='x', to_name='image')


def read(tmp_path, tasks):
    (tmp_path / 'x.json').write_text(json.dumps(tasks), encoding='utf-8')
    return read_source(tmp_path / 'x.json', tmp_path)


def minimal(image, **fields):
    meta = dict(id=1, annotator=1, annotation_id=1, created_at='2026', lead_time=1.0)
    return dict(image=f'/data/local-files/?d=images/{image}') | fields | meta


def test_single_choices_beside_several_in_a_control_of_another_name(tmp_path):
    # as Label Studio 1.21 exports <Choices name="animals" choice="multiple">
    tasks = [
        minimal('a.jpg', animals='cat', author='me'),
        minimal('b.jpg', animals=dict(choices=['cat', 'dog']), author='me'),
        minimal('c.jpg', author='me'),
    ]
    labels = [['cat'], ['cat', 'dog'], []]
    assert [*read(tmp_path, tasks).rows.values()] == labels


CHOICE = result('choices', ['cat'])


@pytest.mark.parametrize(
    'found',
    [
        result('choices', ['cat', 'dog']),
        result('rectanglelabels', ['cat', 'dog'], x=1, y=2, width=3, height=4, rotation=0),
        result('polygonlabels', ['cat', 'dog'], points=[[1, 2]], closed=True),
        result('brushlabels', ['cat', 'dog'], format='rle', rle=[0, 1, 2]),
        result('ellipselabels', ['cat', 'dog'], x=1),
        result('keypointlabels', ['cat', 'dog'], x=1),
        result('taxonomy', [['animal', 'cat'], ['animal', 'pet', 'dog']]),
    ],
)
def test_results(tmp_path, found):
    rating = dict(type='rating', value=dict(rating=4))
    text = dict(type='textarea', value=dict(text=['cow']))
    assert read(tmp_path, [task('a.jpg', found, rating, text)]).rows == {'a.jpg': ['cat', 'dog']}


def test_annotations_that_do_not_count(tmp_path):
    skipped = [dict(result=[CHOICE], was_cancelled=True), dict(result=[result('choices', ['dog'])])]
    predicted = [dict(result=[result('choices', ['cow'])])]
    found = read(tmp_path, [task('a.jpg', annotations=skipped, predictions=predicted)])
    assert found.rows == {'a.jpg': ['dog']}


def test_several_annotations_of_a_task(tmp_path):
    both = [dict(result=[CHOICE]), dict(result=[result('choices', ['dog'])])]
    found = read(tmp_path, [task('a.jpg', annotations=both)])
    assert found.rows == {'a.jpg': ['cat', 'dog']}
    assert found.notes == [
        f'1 task has several annotations (first: {tmp_path}/x.json, task 1); the image gets '
        'the labels of all'
    ]


@pytest.mark.parametrize(
    'data',
    [
        dict(image='a.jpg', text='x'),
        dict(img='a.jpg'),
        dict(number=1, picture_of_it='a.jpg'),
        dict(text='', anything='a.jpg?token=1'),
    ],
)
def test_data_of_any_name(tmp_path, data):
    [image] = read(tmp_path, [task('', CHOICE, data=data)]).rows
    assert image.startswith('a.jpg')


def test_bad_tasks_cost_themselves(tmp_path):
    bad = [None, 'cat', dict(id=2), task('', CHOICE), task('b.jpg', CHOICE, annotations='x')]
    bad += [task('c.jpg', 'x', dict(value=3), dict(value=dict(choices=5)))]
    found = read(tmp_path, [*bad, task('a.jpg', CHOICE)])
    assert found.rows == {'b.jpg': [], 'c.jpg': ['5'], 'a.jpg': ['cat']}
    other, nameless = found.problems
    assert other.startswith(f'{tmp_path}/x.json, task 1: is no task of Label Studio; left out (2 m')
    assert nameless == f'{tmp_path}/x.json, task 4: names no image; left out'


META = dict(id=1, annotator=1, annotation_id=3, created_at='2026', updated_at='', lead_time=2.5)


@pytest.mark.parametrize(
    'labels',
    [
        dict(choice='cat'),
        dict(anything=dict(choices=['cat'])),
        dict(anything=[dict(x=1, rectanglelabels=['cat'], original_width=80)]),
        dict(anything=[dict(taxonomy=[['animal', 'cat']])]),
        dict(remark='dog', label='cat', other=[3]),
    ],
)
def test_json_min(tmp_path, labels):
    found = read(tmp_path, [META | dict(image='a.jpg') | labels])
    assert found.rows['a.jpg'] == ['cat'] if 'other' not in labels else ['cat', '3']


@pytest.mark.parametrize(
    ('tasks', 'message'),
    [
        (
            [task('a.jpg')],
            "is Label Studio's JSON, but its 1 image has no label; label imag",
        ),
        ([task('a.jpg', annotations=[], predictions=[dict(result=[CHOICE])])], 'its 1 image has'),
        ([task('', CHOICE, data=dict(text='a sentence'))], "but of tasks about 'text'; label imag"),
        ([task('', CHOICE, data=dict(audio='/a.wav'))], "but of tasks about 'audio'"),
        ([task('', CHOICE, data=dict(video='/a.mp4'))], "but of tasks about 'video'"),
        ([META | dict(text='a', sentiment='cat')], "but of tasks about 'text'"),
        ([META | dict(image='a.jpg', remark='dog')], 'its 1 image has no label'),
    ],
)
def test_exports_that_are_of_no_use(tmp_path, tasks, message):
    with pytest.raises(FormatError, match=message):
        read(tmp_path, tasks)
