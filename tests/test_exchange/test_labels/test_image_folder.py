import os
import unicodedata

import pytest
from PIL import Image

from qaclims_mm.exchange.labels.image_folder import ImageFolder, ImageNameError

NAMES = (
    'a.jpg',
    'B.PNG',
    'sub dir/été.webp',
    'sub dir/c.jpg',
    'twice.jpg',
    'twice.png',
    'train/p0.jpg',
    'val/p0.jpg',
    'deep/er/p7.tif',
    '100% sure?.png',
    'My photo (1).jpg',
    'x 1.jpg',
    'x201.jpg',
)


@pytest.fixture
def folder(tmp_path):
    for name in NAMES:
        path = tmp_path / 'pics' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (4, 3)).save(path)
    (tmp_path / 'link').symlink_to(tmp_path / 'pics')
    return tmp_path


@pytest.mark.parametrize(
    ('image', 'name'),
    [
        ('a.jpg', 'a.jpg'),
        ('A', 'a.jpg'),
        ('b.jpg', 'B.PNG'),
        ('twice.JPG', 'twice.jpg'),
        ('sub dir/été', 'sub dir/été.webp'),
        (unicodedata.normalize('NFD', 'sub dir/été.webp'), 'sub dir/été.webp'),
        ('ａ.jpg', 'a.jpg'),
        ('../pics/a.jpg', 'a.jpg'),
        ('sub dir/../a', 'a.jpg'),
        ('100% sure?.png', '100% sure?.png'),
        ('{root}/pics/sub dir/été.webp', 'sub dir/été.webp'),
    ],
)
@pytest.mark.parametrize('root', ['pics', 'link'])
def test_whole_paths(folder, root, image, name):
    assert ImageFolder(folder / root).find(image.format(root=folder)) == (name, True)


@pytest.mark.parametrize(
    ('image', 'name'),
    [
        # folders before the path, or none of those that lead to it
        ('images/1/a.jpg', 'a.jpg'),
        ('pics/a.jpg', 'a.jpg'),
        ('pics/val/p0.jpg', 'val/p0.jpg'),
        ('c.jpg', 'sub dir/c.jpg'),
        ('P7', 'deep/er/p7.tif'),
        ('er/p7.jpg', 'deep/er/p7.tif'),
        ('../a.jpg', 'a.jpg'),
        ('/other/a.jpg', 'a.jpg'),
        ('C:/Users/me/train/p0.jpg', 'train/p0.jpg'),
        ('C:\\Users\\me\\train\\p0.jpg', 'train/p0.jpg'),
        # addresses
        ('s3://bucket/val/p0.jpg', 'val/p0.jpg'),
        ('http://host:8080/a.jpg?x=1', 'a.jpg'),
        ('https://host/sub%20dir/%C3%A9t%C3%A9.webp', 'sub dir/été.webp'),
        ('file:///home/me/a.jpg', 'a.jpg'),
        ('sub%20dir/c.jpg', 'sub dir/c.jpg'),
        ('x%201.jpg', 'x 1.jpg'),
        # Label Studio
        ('/data/local-files/?d=images/train/p0.jpg', 'train/p0.jpg'),
        ('/data/local-files/?d=pics%5Cval%5Cp0.jpg', 'val/p0.jpg'),
        ('/data/upload/3/8f2a1b3c-a.jpg', 'a.jpg'),
        ('/data/upload/3/8f2a1b3c-c.jpg', 'sub dir/c.jpg'),
        ('images/8f2a1b3c-a.jpg', 'a.jpg'),
        ('/data/upload/3/8f2a1b3c-My_photo_1.jpg', 'My photo (1).jpg'),
        ('images/8fe7758b__%C3%A9t%C3%A9.webp', 'sub dir/été.webp'),
        ('images/8bea16c8__d08ba804-%C3%A9t%C3%A9.webp', 'sub dir/été.webp'),
        ('../lsdata/media/upload/8/094cd2d4-c.jpg', 'sub dir/c.jpg'),
        ('labels/094cd2d4-c', 'sub dir/c.jpg'),
    ],
)
def test_ends_of_paths(folder, image, name):
    assert ImageFolder(folder / 'pics').find(image) == (name, False)


@pytest.mark.parametrize(
    ('image', 'message'),
    [
        ('gone.jpg', r'^image \S+/pics/gone\.jpg is missing$'),
        ('../gone.jpg', r'^image \.\./gone\.jpg is not below \S+pics, the folder .* are relative'),
        ('twice', '^image twice may be twice.jpg or twice.png$'),
        ('other/twice.tif', '^image other/twice.tif may be twice.jpg or twice.png$'),
        ('p0.jpg', '^image p0.jpg may be train/p0.jpg or val/p0.jpg$'),
        # folders that differ, so another image may be meant
        ('other/c.jpg', r'is missing \(is it sub dir/c\.jpg\?\)$'),
        ('test/p0.jpg', r'is missing \(is it train/p0\.jpg or val/p0\.jpg\?\)$'),
        ('8f2a1b3-a.jpg', 'is missing'),
        ('.', 'is the folder of the images, not an image'),
        ('http://[x/gone', 'is missing'),
        ('x' * 5000, 'cannot be a file'),
    ],
)
def test_images_that_are_not_found(folder, image, message):
    with pytest.raises(ImageNameError, match=message):
        ImageFolder(folder / 'pics').find(image)


def test_another_file_of_the_same_name_is_not_meant(folder):
    (folder / 'a.jpg').write_bytes(b'')
    for image in ('../a.jpg', str(folder / 'a.jpg')):
        with pytest.raises(ImageNameError, match='is not below'):
            ImageFolder(folder / 'pics').find(image)


def test_names_that_look_the_same(tmp_path):
    forms = [unicodedata.normalize(form, 'é.jpg') for form in ('NFC', 'NFD')]
    for name in forms:
        Image.new('RGB', (4, 3)).save(tmp_path / name)
    if len(os.listdir(tmp_path)) < 2:
        pytest.skip('this file system knows one Unicode form')
    folder = ImageFolder(tmp_path)
    assert [folder.find(name).name for name in forms] == forms
    with pytest.raises(ImageNameError, match=r"É may be 'e\\u0301.jpg' or '\\xe9.jpg'$"):
        folder.find('É')


def test_names(folder):
    assert ImageFolder(folder / 'pics').names == sorted(NAMES, key=lambda n: n.split('/'))
