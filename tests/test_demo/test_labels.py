import shutil

import pytest

from qaclims_mm.demo.album import Album, Entry
from qaclims_mm.demo.labels import label_album
from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.labels.reading import read_source

CLASSES = ('cat', 'dog', 'traffic light')


def album(folder, *names):
    return Album(tuple(Entry(name, folder / name) for name in names))


def ticked(found):
    return [entry.labels for entry in found.entries]


@pytest.mark.parametrize(
    'name', ['one-hot.csv', 'label-studio.json', 'label-studio.csv', 'cvat-images.xml']
)
def test_every_format_of_init(cases_dir, tmp_path, name):
    names = sorted(p.name for p in (cases_dir / 'images').iterdir())
    source = read_source(cases_dir / name, cases_dir / 'images')
    classes = sorted({label for labels in source.rows.values() for label in labels})
    found, messages = label_album(album(tmp_path, *names), [cases_dir / name], classes)
    # each image of the cases has its own row, whose name ends as that of the image
    rows = {row.rsplit('/', 1)[-1].rsplit('.', 1)[0]: labels for row, labels in source.rows.items()}
    wanted = {name: next(rows[r] for r in rows if r.endswith(name[:-4])) for name in names}
    assert {e.path.name: sorted(e.labels) for e in found.entries} == {
        name: sorted(labels) for name, labels in wanted.items()
    }
    assert any(wanted.values())
    assert not any('/tmp' in text for text in messages)


@pytest.mark.parametrize('name', ['labelme', 'voc-gb2312'])
def test_the_files_of_a_folder(cases_dir, tmp_path, name):
    files = sorted((cases_dir / name).iterdir())
    source = read_source(cases_dir / name, cases_dir / 'images')
    classes = sorted({label for labels in source.rows.values() for label in labels})
    names = sorted(p.name for p in (cases_dir / 'images').iterdir())
    found, _ = label_album(album(tmp_path, *names), files, classes)
    assert {e.path.name: sorted(e.labels) for e in found.entries} == {
        image: sorted(labels) for image, labels in source.rows.items()
    }


def test_messages_are_those_of_init(tmp_path):
    path = tmp_path / 'labels.csv'
    path.write_text(
        'image,labels\nimages\\a.jpg,Cat;unicorn\nb.jpg,traffic_light\nb.jpg,dog\n'
        'other.jpg,cat\nc.jpg,"x\u202ey"\n'
    )
    found, messages = label_album(album(tmp_path, 'a.jpg', 'b.jpg', 'c.jpg'), [path], CLASSES)
    assert ticked(found) == [('cat',), ('traffic light', 'dog'), ()]
    source = read_source(path, tmp_path)
    [problem] = [text.replace(f'{tmp_path}/', '') for text in source.problems]
    assert messages == [
        problem,
        '1 image was found by the end of the path (first: labels.csv:2: images/a.jpg is a.jpg)',
        '1 label is none of the classes and left out of the rows (unicorn 1)',
        '1 row names an image that is not on the page',
        '1 image has no usable row (first: c.jpg); tick the classes',
    ]


@pytest.mark.parametrize('content', ['name;what\nx;y\n', '', 'PK\x03\x04', '{"a": 1}'])
def test_what_is_no_table_of_labels(tmp_path, content):
    path = tmp_path / 'labels.csv'
    path.write_text(content)
    given = album(tmp_path, 'a.jpg')
    found, messages = label_album(given, [path], CLASSES)
    assert found is given
    with pytest.raises(FormatError) as wanted:
        read_source(path, tmp_path)
    assert messages == [str(wanted.value).replace(f'{tmp_path}/', '')]


def test_images_of_one_name_are_not_guessed(tmp_path):
    path = tmp_path / 'labels.csv'
    path.write_text('image,labels\nb.jpg,dog\nx/a.jpg,cat\n')
    given = album(tmp_path, 'a.jpg', 'b.jpg')
    given = Album((*given.entries, Entry('a (2)', tmp_path / 'x/a.jpg')))
    found, messages = label_album(given, [path], CLASSES)
    assert ticked(found) == [(), ('dog',), ()]
    assert messages == [
        '2 images are called a.jpg, so that no row of labels can mean one of them; tick their '
        'classes',
        '1 row names an image that is not on the page',
    ]


def test_a_table_stays_as_it_is(tmp_path):
    path = tmp_path / 'images'
    path.write_text('image,labels\na.jpg,dog\n')
    shutil.copy(path, tmp_path / 'copy')
    found, _ = label_album(album(tmp_path, 'a.jpg'), [path], CLASSES)
    assert ticked(found) == [('dog',)]
    assert path.read_bytes() == (tmp_path / 'copy').read_bytes()
