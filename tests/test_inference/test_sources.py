import pytest
from PIL import Image

from qaclims_mm.errors import FormatError
from qaclims_mm.inference.sources import find_sources, read_list


@pytest.fixture
def photos(tmp_path):
    for name in ('a.png', 'sub dir/b.c.jpg', '{texts}.png', '.hidden.png'):
        path = tmp_path / 'photos' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (8, 8)).save(path)
    return tmp_path / 'photos'


def test_folders_and_files(photos):
    found = find_sources([photos])
    assert list(found.images) == ['a', 'sub dir/b.c', '{texts}']
    assert find_sources([photos / 'sub dir/b.c.jpg']).images == {'b.c': photos / 'sub dir/b.c.jpg'}
    # twice is once
    assert len(find_sources([photos, photos / 'a.png']).images) == 3


def test_lists(photos, tmp_path):
    lines = ['a.png', '', f'{photos}/sub dir/b.c.jpg', '../photos/{texts}.png', 'gone.png']
    (photos / 'l.txt').write_text('\n'.join(lines), encoding='utf-8-sig')
    found = find_sources([photos / 'l.txt'])
    # what is missing is found out when it is read: it costs that image alone
    assert list(found.images) == ['a', 'sub dir/b.c', '{texts}', 'gone']
    (tmp_path / 'other').mkdir()
    table = tmp_path / 'other/l.csv'
    table.write_text(f'labels,image\ncat,{photos}/a.png\n"a,b",../photos/{{texts}}.png\n')
    found = find_sources([table])
    root = photos.relative_to('/').as_posix()
    assert list(found.images) == [f'{root}/a', f'{root}/{{texts}}']
    assert all(path.is_file() for path in found.images.values())


@pytest.mark.parametrize(
    ('name', 'content', 'message'),
    [
        ('l.txt', b'\n \n', 'lists no image'),
        ('l.txt', b'\xff\xfe\xfa', 'is no list in UTF-8'),
        ('l.csv', b'file\na.png\n', r'l\.csv:1 must have the column image'),
        ('l.csv', b'', r'l\.csv:1 must have the column image'),
        ('l.csv', b'image\n', 'lists no image'),
    ],
)
def test_lists_that_are_none(photos, name, content, message):
    (photos / name).write_bytes(content)
    with pytest.raises(FormatError, match=message):
        find_sources([photos / name])


def test_lists_that_are_not_there(photos):
    with pytest.raises(FormatError, match='is missing; it is no list'):
        list(read_list(photos / 'gone.txt'))
    with pytest.raises(FormatError, match='there is no image or folder'):
        find_sources([photos / 'gone'])


def test_two_files_of_one_mask(photos):
    Image.new('RGB', (8, 8)).save(photos / 'a.jpg')
    with pytest.raises(FormatError, match=r'would have the same mask a\.png; rename one'):
        find_sources([photos])
    (photos / 'l.txt').write_text('sub dir/b.c.jpg\nsub dir/b.c.png\n')
    with pytest.raises(FormatError, match=r'would have the same mask sub dir/b\.c\.png'):
        find_sources([photos / 'l.txt'])


def test_videos(photos, tmp_path):
    (photos / 'clip.mp4').write_bytes(b'')
    found = find_sources([photos])
    assert found.videos == {}
    [note] = found.notes
    assert '1 videos are passed over' in note
    assert find_sources([photos / 'clip.mp4']).videos == {'clip': photos / 'clip.mp4'}
    (photos / 'clip').mkdir()
    Image.new('RGB', (8, 8)).save(photos / 'clip/frame_000001.png')
    with pytest.raises(FormatError, match='the same masks as images of the folder clip'):
        find_sources([photos, photos / 'clip.mp4'])


def test_names_that_no_mask_can_have(photos):
    (photos / 'l.txt').write_bytes(b'a\x07.png\n')
    with pytest.raises(FormatError, match='it has a control character; rename it'):
        find_sources([photos / 'l.txt'])
