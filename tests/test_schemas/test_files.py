import pytest

from qaclims_mm import schemas


def test_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / 'a.json'
    schemas.write_json(path, 1)

    def fail():
        with schemas.atomic_path(path) as temporary:
            temporary.write_text('half')
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert schemas.read_json(path) == 1
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize('image_id', ['/etc/passwd', '../x', 'a/../../x'])
def test_image_id_stays_below_its_folder(tmp_path, image_id):
    with pytest.raises(ValueError, match='must stay below its folder'):
        schemas.file_of(tmp_path, image_id, '.png')


def test_image_id():
    assert schemas.image_id_of('/data/sub dir/a.b.jpg', '/data') == 'sub dir/a.b'
    assert schemas.file_of('/out', 'sub dir/a.b', '.png').as_posix() == '/out/sub dir/a.b.png'


@pytest.mark.parametrize(
    ('problems', 'shown', 'message'),
    [
        (['a'], 10, '1 images are bad:\n  a'),
        (['a', 'b'], 2, '2 images are bad:\n  a\n  b'),
        (['a', 'b', 'c', 'd'], 2, '4 images are bad:\n  a\n  b\n  ... and 2 more'),
    ],
)
def test_join_problems(problems, shown, message):
    assert schemas.join_problems(problems, 'images are bad', shown) == message
