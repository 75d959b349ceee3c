import os

import pytest
from PIL import Image

from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.exchange.labels.reading import read_source
from qaclims_mm.schemas.images import find_images


def write(path, text, encoding='utf-8'):
    path.write_text(text, encoding=encoding)
    return path


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new('RGB', (4, 3)).save(path)


def test_a_source_that_is_no_file(tmp_path):
    os.mkfifo(tmp_path / 'pipe.csv')
    with pytest.raises(FormatError, match=r'pipe\.csv is not a regular file; give a file'):
        read_source(tmp_path / 'pipe.csv', tmp_path)
    for name in ('x' * 10_000, 'x\0', 'x\ny', '/dev/null/x'):
        with pytest.raises(FormatError, match='there is no folder ') as refused:
            read_source(tmp_path, name)
        assert len(str(refused.value)) < 200
        with pytest.raises(FormatError, match=r'of labels|with labels') as refused:
            read_source(name, tmp_path)
        assert '\n' not in str(refused.value)


def test_folders(tmp_path):
    for name in (
        'cat/a.jpg',
        'traffic_light/x/b.PNG',
        'loose.jpg',
        '.hidden/c.jpg',
        'cat/notes.txt',
    ):
        path = tmp_path / name
        picture(path) if path.suffix != '.txt' else write(path, 'no picture')
    found = read_source(tmp_path, tmp_path)
    assert found.rows == {'cat/a.jpg': ['cat'], 'traffic_light/x/b.PNG': ['traffic light']}
    assert found.problems == []
    assert found.unnamed == 'lie beside the folders of the classes'
    assert [p.name for p in find_images(tmp_path)] == ['a.jpg', 'loose.jpg', 'b.PNG']


def test_folders_without_images(tmp_path):
    (tmp_path / 'cat').mkdir()
    with pytest.raises(ConfigError, match=r'has no images\.'):
        read_source(tmp_path, tmp_path)
    with pytest.raises(FormatError, match='has no XML files; a folder of labels has them'):
        read_source(tmp_path / 'cat', tmp_path)
    with pytest.raises(FormatError, match='there is no file or folder'):
        read_source(tmp_path / 'x.csv', tmp_path)


def test_labels_that_were_forgotten(tmp_path):
    for name in ('a.jpg', 'b.jpg', 'cat/c.jpg'):
        picture(tmp_path / name)
    message = 'has 2 images and 1 more in folders, which would be the classes; did you forget --la'
    with pytest.raises(ConfigError, match=message):
        read_source(tmp_path, tmp_path)


def test_folders_that_are_told(tmp_path):
    for name in ('cat/a.jpg', 'dog/a.jpg', 'dog/sub/b.jpg'):
        picture(tmp_path / name)
    for name in ('cat/other.jpg', 'dog/other.jpg'):
        Image.new('RGB', (4, 3), name[:3].replace('cat', 'red').replace('dog', 'blue')).save(
            tmp_path / name
        )
    (tmp_path / 'cow/sub').mkdir(parents=True)
    (tmp_path / '.cache').mkdir()
    found = read_source(tmp_path, tmp_path)
    assert len(found.rows) == 5
    empty, same = found.remarks
    assert empty == f'{tmp_path}/cow: has no image, so it is no class'
    assert same.startswith(f'{tmp_path}/cat/a.jpg: is the same file as {tmp_path}/dog/a.jpg; ')


def test_no_folder_of_images(tmp_path):
    with pytest.raises(FormatError, match=r'there is no folder .*gone with images\.'):
        read_source(tmp_path / 'gone', tmp_path / 'gone')
