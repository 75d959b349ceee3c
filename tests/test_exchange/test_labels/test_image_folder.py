import pytest
from PIL import Image

from qaclims_mm.exchange.labels.image_folder import ImageFolder


@pytest.fixture
def folder(tmp_path):
    for name in ('a.jpg', 'B.PNG', 'sub dir/été.webp', 'sub dir/c.jpg', 'twice.jpg', 'twice.png'):
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
        ('sub dir/été', 'sub dir/été.webp'),
        ('../pics/a.jpg', 'a.jpg'),
        ('sub dir/../a', 'a.jpg'),
        ('{root}/pics/sub dir/été.webp', 'sub dir/été.webp'),
    ],
)
@pytest.mark.parametrize('root', ['pics', 'link'])
def test_what_tables_call_images(folder, root, image, name):
    assert ImageFolder(folder / root).find(image.format(root=folder)) == name


@pytest.mark.parametrize(
    ('image', 'message'),
    [
        ('../a.jpg', r'^image \.\./a\.jpg is not below \S+pics, the folder .* paths are relative'),
        ('/pics/a.jpg', '^image /pics/a.jpg is not below'),
        ('twice', '^image twice may be twice.jpg or twice.png$'),
        ('gone.jpg', r'^image \S+/pics/gone\.jpg is missing$'),
        ('C.jpg', r'is missing \(is it sub dir/c\.jpg\?\)$'),
        ('pics/a.jpg', r'is missing \(is it a\.jpg\?\)$'),
        ('other/twice', r'is missing \(is it twice\.jpg or twice\.png\?\)$'),
    ],
)
def test_images_that_are_not_found(folder, image, message):
    with pytest.raises(ValueError, match=message):
        ImageFolder(folder / 'pics').find(image)


def test_names(folder):
    assert len(ImageFolder(folder / 'pics').names) == 6
