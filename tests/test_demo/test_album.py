import pytest
from PIL import Image

from qaclims_mm.demo.album import Album, Entry, check_given, open_files, problem_of_upload
from qaclims_mm.errors import DataError, RecordError
from qaclims_mm.inference.pictures import read_picture
from qaclims_mm.schemas.images import SUFFIXES


def read(path):
    return read_picture(path, dict(oriented=True, max_side=64), path.name)


def make(path, **options):
    path.parent.mkdir(exist_ok=True)
    Image.new('RGB', (90, 60), (9, 99, 199)).save(path, **options)
    return path


@pytest.mark.parametrize('suffix', [*SUFFIXES, '.JPG', '.Tiff'])
def test_every_suffix_of_init_and_predict_is_taken(tmp_path, suffix):
    assert problem_of_upload(tmp_path / f'a{suffix}') == ''


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('a.mp4', 'a.mp4 is a video; its frames are read by qaclims predict MODEL a.mp4 --out'),
        ('b.MOV', 'b.MOV is a video; '),
        ('a.zip', 'a.zip is an archive; unpack it and drop its images.'),
        ('a.tar.gz', 'a.tar.gz is an archive; '),
        ('a.7z', 'a.7z is an archive; '),
        ('a.csv', 'a.csv is no image; a table of labels belongs into the box of labels.'),
        ('cvat.xml', 'cvat.xml is no image; a table of labels '),
        ('a.json', 'a.json is no image; '),
        ('a.docx', 'a.docx is not of a kind that is read: .jpg, .jpeg, '),
        ('README', 'README is not of a kind that is read: '),
    ],
)
def test_what_is_said_of_other_files(tmp_path, name, message):
    assert problem_of_upload(tmp_path / name).startswith(message)


def test_the_good_ones_stay_beside_bad_ones(tmp_path):
    (tmp_path / 'bad.png').write_text('no image')
    (tmp_path / 'x.mp4').write_text('')
    opened = open_files(
        [tmp_path / 'bad.png', make(tmp_path / 'a.jfif', format='JPEG'), tmp_path / 'x.mp4'],
        read,
        5,
    )
    assert [e.image_id for e in opened.album.entries] == ['a']
    assert opened.album.current.path == tmp_path / 'a.jfif'
    assert opened.smalls[0].shape == (43, 64, 3)
    with pytest.raises(RecordError) as wanted:
        read(tmp_path / 'bad.png')
    assert opened.messages[1:] == [str(wanted.value)]
    assert opened.messages[0].startswith('x.mp4 is a video')
    assert not any(str(tmp_path) in text for text in opened.messages)


def test_no_image_at_all(tmp_path):
    (tmp_path / 'bad.png').write_text('')
    opened = open_files([tmp_path / 'bad.png', tmp_path / 'gone.png'], read, 5)
    assert (opened.album, opened.smalls) == (None, [])
    assert opened.messages[0] == 'image bad.png cannot be read (it is empty); replace it.'
    assert opened.messages[1].startswith('image gone.png cannot be read (')


def test_what_is_strange_is_said_with_the_words_of_init(tmp_path):
    pages = [Image.new('L', (40, 40), k) for k in range(3)]
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in ('a.tif', 'b.tif'):
        pages[0].save(tmp_path / name, save_all=True, append_images=pages[1:])
    files = [tmp_path / 'a.tif', tmp_path / 'b.tif', make(tmp_path / 'c.jpg', exif=exif)]
    opened = open_files(files, read, 5)
    assert opened.messages == [
        '2 images have several pages or frames; the first one is read (first: a.tif)',
        '1 image is turned as EXIF says (first: c.jpg)',
    ]
    # and it is turned
    assert open_files(files[2:], read, 5).smalls[0].shape == (64, 43, 3)


def test_broken_exif(cases_dir):
    opened = open_files([cases_dir / 'odd/broken-exif.png'], read, 5)
    assert len(opened.album.entries) == 1
    assert opened.messages == [
        '1 image has broken EXIF data: nothing is turned (first: broken-exif.png)'
    ]


def test_too_many(tmp_path):
    opened = open_files([make(tmp_path / f'{k}.png') for k in range(4)], read, 3)
    assert [e.image_id for e in opened.album.entries] == ['0', '1', '2']
    assert opened.messages == [
        '4 images were dropped, but the page takes 3 at once, from the first on. For more run '
        'qaclims predict MODEL IMAGES --out DIR.'
    ]


def test_ids_differ_on_every_system(tmp_path):
    names = ('x/a.png', 'x/a.jpg', 'y/A.png', 'x/a (2).png', 'x/b.png')
    opened = open_files([make(tmp_path / name) for name in names], read, 9)
    ids = [e.image_id for e in opened.album.entries]
    assert ids == ['a', 'a (2)', 'A (3)', 'a (2) (2)', 'b']
    assert len({i.lower() for i in ids}) == 5


def test_ticked_classes_are_those_of_one_image():
    album = Album(tuple(Entry(name, name, ('cat',)) for name in 'abc'), 1)
    assert [e.labels for e in album.ticked(['dog']).entries] == [('cat',), ('dog',), ('cat',)]
    assert album.current.labels == ('cat',)
    assert check_given(album) is album
    with pytest.raises(DataError, match='there is no image yet; drop one first'):
        check_given(None)
