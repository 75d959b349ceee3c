import pytest
from PIL import Image

from qaclims_mm.exchange.labels.image_folder import ImageFolder
from qaclims_mm.exchange.labels.own_files import image_of_file
from qaclims_mm.exchange.labels.source import Source


@pytest.fixture
def folder(tmp_path):
    for name in ('train/a.jpg', 'val/a.jpg', 'train/b.jpg', 'c.d.png', '{0}.png', "'.png"):
        path = tmp_path / 'images' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (4, 3)).save(path)
    return ImageFolder(tmp_path / 'images')


@pytest.mark.parametrize(
    ('file', 'named', 'image'),
    [
        ('train/a.txt', '', 'train/a.jpg'),
        ('labels/val/a.txt', '', 'val/a.jpg'),
        ('b.xml', '', 'train/b.jpg'),
        ('c.d.xml', '', 'c.d.png'),
        ('b.xml', 'gone.jpg', 'train/b.jpg'),
        ('001.xml', 'b.jpg', 'train/b.jpg'),
        ('a.xml', 'val/a.jpg', 'val/a.jpg'),
        ('sub/x.json', '../../images/val/a.jpg', 'val/a.jpg'),
        # signs vanish in what some tools write, but the file names its image
        ('0.xml', "'.png", "'.png"),
        ('0.xml', 'b.jpg', 'train/b.jpg'),
        ('0.xml', '{0}.png', '{0}.png'),
        ('0.xml', '', '{0}.png'),
        # neither is an image, or it may be several
        ('a.xml', '', 'a'),
        ('001.xml', 'gone.jpg', 'gone.jpg'),
        ('001.xml', 'a.jpg', 'a.jpg'),
    ],
)
def test_images_of_files(tmp_path, folder, file, named, image):
    source, root = Source('files'), tmp_path / 'files'
    assert image_of_file(source, folder, root / file, root, named) == image
    assert source.remarks == []
