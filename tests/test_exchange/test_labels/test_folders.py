import pytest
from PIL import Image

from qaclims_mm.errors import ConfigError
from qaclims_mm.exchange.labels.folders import read_folders


def picture(path, colour='black'):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new('RGB', (4, 3), colour).save(path)


def test_folders(tmp_path):
    for name in ('cat/a.jpg', 'traffic_light/x/b.PNG', 'loose.jpg', '.hidden/c.jpg'):
        picture(tmp_path / name)
    (tmp_path / 'cat/notes.txt').write_text('no picture')
    found = read_folders(tmp_path)
    assert found.rows == {'cat/a.jpg': ['cat'], 'traffic_light/x/b.PNG': ['traffic light']}
    assert found.problems == []
    assert found.unnamed == 'lie beside the folders of the classes'


def test_folders_without_images(tmp_path):
    (tmp_path / 'cat').mkdir()
    with pytest.raises(ConfigError, match=r'has no images\.'):
        read_folders(tmp_path)


def test_labels_that_were_forgotten(tmp_path):
    for name in ('a.jpg', 'b.jpg', 'cat/c.jpg'):
        picture(tmp_path / name)
    message = 'has 2 images and 1 more in folders, which would be the classes; did you forget --la'
    with pytest.raises(ConfigError, match=message):
        read_folders(tmp_path)


def test_folders_that_are_told(tmp_path):
    for name in ('cat/a.jpg', 'dog/a.jpg', 'dog/sub/b.jpg'):
        picture(tmp_path / name)
    picture(tmp_path / 'cat/other.jpg', 'red')
    picture(tmp_path / 'dog/other.jpg', 'blue')
    (tmp_path / 'cow/sub').mkdir(parents=True)
    (tmp_path / '.cache').mkdir()
    found = read_folders(tmp_path)
    assert len(found.rows) == 5
    empty, same = found.remarks
    assert empty == f'{tmp_path}/cow: has no image, so it is no class'
    assert same.startswith(f'{tmp_path}/cat/a.jpg: is the same file as {tmp_path}/dog/a.jpg; ')
