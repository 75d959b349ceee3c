import pytest
from PIL import Image

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.image_list import read_image_list
from qaclims_mm.schemas import claim_folder


@pytest.fixture
def photos(tmp_path):
    for name in ('Größe.png', 'sub dir/b.c.jpg', 'c.png', 'clip.mp4'):
        path = tmp_path / 'photos' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (8, 8)).save(path, format='PNG')
    return tmp_path / 'photos'


ROWS = 'image;labels\r\nGröße.png;cat\r\nsub dir\\b.c.jpg;"cat;dog"\r\n;\r\nc.png;\r\n'


@pytest.mark.parametrize(
    'content',
    [
        ROWS.encode('cp1252'),
        ROWS.encode(),
        ROWS.encode('utf-8-sig'),
        ROWS.encode('utf-16'),
        ROWS.replace(';', '\t').encode('utf-16'),
        ROWS.replace(';', ',').replace('image', 'File').encode(),
        ''.join(f'{row.split(";")[0]}\n' for row in ROWS.split('\r\n')).encode(),
    ],
)
def test_tables_of_spreadsheets(photos, content):
    (photos / 'l.csv').write_bytes(content)
    found = read_image_list(photos / 'l.csv')
    assert found.problems == []
    names = sorted(path.relative_to(photos).as_posix() for path in found.files)
    assert names == ['Größe.png', 'c.png', 'sub dir/b.c.jpg']


def test_windows_paths_and_videos(photos):
    lines = [
        'D:\\photos\\sub dir\\b.c.jpg',
        'C.PNG',
        '.\\clip.mp4',
        '',
        '/elsewhere/gone.png',
        'x.png',
    ]
    (photos / 'l.txt').write_text('\r\n'.join(lines), encoding='cp1252', newline='')
    found = read_image_list(photos / 'l.txt')
    names = sorted(path.relative_to(photos).as_posix() for path in found.files)
    assert names == ['c.png', 'clip.mp4', 'sub dir/b.c.jpg']
    [note] = found.notes
    assert note.startswith('1 image was found by the end of the path')
    [problem] = found.problems
    assert problem.startswith(f'{photos}/l.txt:5: image /elsewhere/gone.png is missing; left out')
    assert 'l.txt:6' in problem


def test_masks_do_not_stand_for_images(photos):
    out = photos / 'out'
    claim_folder(out, dict(config='a', weights='b', tile=''))
    (out / 'masks').mkdir()
    Image.new('L', (8, 8)).save(out / 'masks/gone.png')
    (photos / 'l.txt').write_text('gone.png\n')
    found = read_image_list(photos / 'l.txt')
    assert found.files == []
    assert 'gone.png is missing' in found.problems[0]


def test_a_torn_row_costs_itself(photos):
    (photos / 'l.csv').write_text('image,labels\nc.png,cat\nclip.mp4,cat,dog\n')
    found = read_image_list(photos / 'l.csv')
    assert found.files == [photos / 'c.png']
    [problem] = found.problems
    assert problem.startswith(f'{photos}/l.csv:3: 3 fields where the first line has 2')


@pytest.mark.parametrize(
    ('name', 'content', 'message'),
    [
        ('l.txt', b'\n \n', 'lists no image'),
        ('l.txt', b'\xff\xfe\xfa', 'is not UTF-8'),
        ('l.csv', b'animal\na.png\n', r'l\.csv:1 must have the column image'),
        ('l.csv', b'', r'l\.csv:1 must have the column image'),
        ('l.csv', b'image\n', 'lists no image'),
        ('l.csv', b'image,labels\n"a.png,cat\n' + b'x' * 200_000, 'field larger than field limit'),
    ],
)
def test_lists_that_are_none(photos, name, content, message):
    (photos / name).write_bytes(content)
    with pytest.raises(FormatError, match=message):
        read_image_list(photos / name)


def test_a_list_that_is_not_there(photos):
    with pytest.raises(FormatError, match='is missing; it is no list'):
        read_image_list(photos / 'gone.txt')
