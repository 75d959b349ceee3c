import os

import pytest

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas.images import (
    SUFFIXES,
    check_image_folder,
    find_images,
    passed_over,
    path_below,
)


def test_images_below_a_folder(tmp_path):
    for name in ('b.PNG', 'a.jpg', 'sub dir/c.webp', '.hidden/d.jpg', '.e.jpg', 'notes.txt'):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b'')
    (tmp_path / 'folder.jpg').mkdir()
    found = [path.relative_to(tmp_path).as_posix() for path in find_images(tmp_path)]
    assert found == ['a.jpg', 'b.PNG', 'sub dir/c.webp']


def test_every_kind_of_image(tmp_path):
    names = [f'{k}{suffix}' for k, suffix in enumerate(SUFFIXES)]
    for name in names:
        (tmp_path / name).touch()
    assert {'.jfif', '.jpe', '.avif', '.heic', '.heif'} <= set(SUFFIXES)
    assert {path.name for path in find_images(tmp_path)} == set(names)
    assert passed_over(tmp_path) == ''


def test_what_is_passed_over(tmp_path):
    for name in ('a.jpg', 'b.xcf', 'sub/c.XCF', 'README', '.hidden', '.git/x.txt'):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert passed_over(tmp_path) == (
        '3 files are not images of a kind that is read: .xcf, no suffix (first: README)'
    )
    for number in range(9):
        (tmp_path / f'a.kind{number}').touch()
    assert passed_over(tmp_path).endswith(', .kind5 .. (first: README)')


def test_a_folder_that_cannot_be_read(tmp_path, monkeypatch):
    (tmp_path / 'closed').mkdir()
    scan = os.scandir

    def refuse(path):
        if os.fspath(path).endswith('closed'):
            raise PermissionError(13, 'Permission denied', os.fspath(path))
        return scan(path)

    # root may read every folder
    monkeypatch.setattr(os, 'scandir', refuse)
    for root in (tmp_path, tmp_path / 'closed'):
        with pytest.raises(FormatError, match=r'closed cannot be read \(Permission denied\)'):
            list(find_images(root))


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('gone', r'^there is no folder \S+gone with images\.$'),
        ('x' * 10_000, r'^there is no folder .* with images\.$'),
        ('a.zip', r'a\.zip is an archive; unpack it and give the folder of its images\.$'),
        ('b.TAR', r'b\.TAR is an archive'),
        ('c.jpg', r'c\.jpg is a file; give the folder of the images\.$'),
    ],
)
def test_what_is_no_folder_of_images(tmp_path, name, message):
    for file in ('a.zip', 'b.TAR', 'c.jpg'):
        (tmp_path / file).touch()
    with pytest.raises(FormatError, match=message):
        check_image_folder(tmp_path / name)
    check_image_folder(tmp_path)


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
