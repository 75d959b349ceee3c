import pytest

from qaclims_mm.schemas.images import find_images, path_below


def test_images_below_a_folder(tmp_path):
    for name in ('b.PNG', 'a.jpg', 'sub dir/c.webp', '.hidden/d.jpg', '.e.jpg', 'notes.txt'):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b'')
    (tmp_path / 'folder.jpg').mkdir()
    found = [path.relative_to(tmp_path).as_posix() for path in find_images(tmp_path)]
    assert found == ['a.jpg', 'b.PNG', 'sub dir/c.webp']


def test_paths_that_lead_below_a_folder(tmp_path):
    (tmp_path / 'pics').mkdir()
    (tmp_path / 'link').symlink_to('pics')
    for image in ('x/a.jpg', './x/../x/a.jpg', '../link/x/a.jpg', f'{tmp_path}/link/x/a.jpg'):
        assert path_below(image, tmp_path / 'link') == 'x/a.jpg'


@pytest.mark.parametrize(
    ('image', 'message'),
    [
        ('.', r"^image '\.' is the folder of the images, not an image$"),
        ('../a.jpg', r'^image \.\./a\.jpg is not below \S+, the folder of the images'),
        ('/etc/a.jpg', r'^image /etc/a\.jpg is not below'),
    ],
)
def test_paths_that_lead_elsewhere(tmp_path, image, message):
    with pytest.raises(ValueError, match=message):
        path_below(image, tmp_path)
