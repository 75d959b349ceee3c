import shutil

import numpy as np
import pytest
from PIL import Image

from qaclims_mm.datasets.read_image import DARK, FRAMES
from qaclims_mm.errors import ConfigError
from qaclims_mm.exchange.labels.source import Source
from qaclims_mm.projects.checks import check_source


@pytest.fixture
def images(tmp_path):
    for name, size in {
        'a.jpg': (60, 40),
        'B.PNG': (50, 50),
        'sub dir/été.webp': (40, 90),
        'small.png': (40, 31),
        'twice.jpg': (60, 40),
        'twice.png': (60, 40),
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        Image.new('RGB', size).save(path)
    (tmp_path / 'broken.jpg').write_bytes(b'no image')
    return tmp_path


def source(rows):
    found = Source('table')
    for line, (image, labels) in enumerate(rows.items(), start=2):
        found.add(image, labels, f'labels.csv:{line}')
    return found


def test_what_is_left(images):
    rows = {
        'a.jpg': ['cat'],
        'b': ['traffic_light', 'Cat'],
        'sub dir/été.webp': [],
        'gone.jpg': ['cat'],
        'broken.jpg': ['cat'],
        'small.png': ['dog'],
        'twice': ['cat'],
        '../a.jpg': ['cat'],
    }
    found = check_source(source(rows), images)
    assert found.rows == {
        'a.jpg': ['cat'],
        'B.PNG': ['traffic light', 'cat'],
        'sub dir/été.webp': [],
    }
    assert found.classes == ['cat', 'traffic light']
    assert found.counts == {'cat': 2, 'traffic light': 1}
    assert found.sizes == [(60, 40), (50, 50), (40, 90)]
    for place, part in {
        'labels.csv:4': 'image sub dir/été.webp has no label; kept, as of no class',
        'labels.csv:5': 'gone.jpg is missing; left out',
        'labels.csv:6': 'broken.jpg cannot be read',
        'labels.csv:7': 'small.png is 40 x 31, smaller than 32 pixels; left out',
        'labels.csv:8': 'image twice may be twice.jpg or twice.png; left out',
        'labels.csv:9': 'image ../a.jpg and image a.jpg may both be a.jpg',
    }.items():
        [problem] = [p for p in found.problems if p.startswith(f'{place}:')]
        assert part in problem
    assert found.problems[1] == '2 images have no usable row (first: twice.jpg); not used'
    assert len(found.problems) == 7


def test_sizes_are_turned_as_exif_says(images):
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new('RGB', (60, 40)).save(images / 'turned.jpg', exif=turned)
    assert check_source(source({'turned.jpg': ['cat']}), images).sizes == [(40, 60)]


def test_two_files_of_one_id(images):
    found = check_source(source({'twice.jpg': ['cat'], 'twice.png': ['dog']}), images)
    assert found.rows == {'twice.jpg': ['cat']}
    assert 'labels.csv:3: twice.png and twice.jpg differ in their suffix alone' in found.problems[1]


def test_classes_that_shall_be(images):
    rows = {'a.jpg': ['cat', 'dog', 'cow'], 'b.png': ['dog'], 'sub dir/été.webp': ['cat']}
    found = check_source(source(rows), images, ['dog', 'horse'])
    assert found.rows == {'a.jpg': ['dog'], 'B.PNG': ['dog'], 'sub dir/été.webp': []}
    assert found.classes == ['dog', 'horse']
    assert found.problems[0] == '1 class has no image: horse'
    assert 'cat' not in ' '.join(found.problems)
    [note] = found.notes
    assert note == (
        '2 labels are none of the classes and left out of the rows (cat 2, cow 1); 1 image '
        'is without a label'
    )


def test_many_classes_without_an_image(images):
    classes = [f'kind {number:02}' for number in range(11)]
    found = check_source(source({'a.jpg': ['cat']}), images, classes)
    names = ', '.join(classes[:10])
    assert found.problems[0] == f'11 classes have no image: {names} ..'


def test_rows_of_one_image(images):
    table = source({'a.jpg': ['cat'], 'a': ['dog', 'cat'], str(images / 'a.jpg'): ['cow']})
    table.add('a.jpg', ['horse'], 'labels.csv:9')
    found = check_source(table, images)
    assert found.rows == {'a.jpg': ['cat', 'horse', 'dog', 'cow']}
    assert found.sizes == [(60, 40)]
    assert found.notes == [
        '3 rows name an image that stands above (first: labels.csv:9); it gets the labels of all '
        'its rows'
    ]
    assert [p for p in found.problems if 'have no usable row' not in p] == []


@pytest.mark.parametrize('name', ['cut.jpg', 'cut.png'])
def test_images_that_were_not_copied_to_their_end(images, name):
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    path = images / name
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = check_source(source({'a.jpg': ['cat'], name: ['cat']}), images)
    assert list(found.rows) == ['a.jpg']
    others, cut = found.problems
    assert cut.startswith(f'labels.csv:3: image {name} cannot be read (')
    assert name not in others


def test_many_images_without_a_label(images):
    rows = {'a.jpg': [], 'b.png': [], 'sub dir/été.webp': ['cat']}
    [told, _] = check_source(source(rows), images).problems
    assert (
        told == 'labels.csv:2: image a.jpg has no label (1 more of this kind); kept, as of no class'
    )


def test_a_file_that_is_no_image_is_told_once(images):
    found = check_source(source({'broken.jpg': ['cat']}), images)
    told = ' '.join(found.problems)
    assert told.count('broken.jpg') == 1
    assert 'labels.csv:2: image broken.jpg cannot be read (it is no image, or of an' in told


def test_renamed_labels(images):
    rows = {'a.jpg': ['puppy', 'Dogs'], 'b.png': ['dog', 'n0123'], 'sub dir/été.webp': ['n0123']}
    renames = {'puppy': 'dog', 'Dogs': 'Dog', 'n0123': 'traffic light'}
    found = check_source(source(rows), images, renames=renames)
    assert found.rows == {
        'a.jpg': ['dog'],
        'B.PNG': ['dog', 'traffic light'],
        'sub dir/été.webp': ['traffic light'],
    }
    # a code is no other word for a thing
    assert found.aliases == {'dog': ['puppy', 'Dogs']}
    with pytest.raises(ConfigError, match="cannot rename 'cow': no image has that label"):
        check_source(source(rows), images, renames={'cow': 'dog'})


def test_strange_images_are_said_once_a_kind(images, cases_dir):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new('RGB', (50, 40)).save(images / 'a.jpg', exif=exif)
    pages = [Image.new('L', (50, 40))] * 2
    for name in ('b.tif', 'c.tif'):
        pages[0].save(images / name, save_all=True, append_images=pages[1:])
    Image.new('I;16', (50, 40), 3000).save(images / 'd.png')
    shutil.copy(cases_dir / 'odd/broken-exif.png', images / 'e.png')
    (images / 'notes.txt').touch()
    (images / 'labels.txt').touch()
    names = ['a.jpg', 'b.tif', 'c.tif', 'd.png', 'e.png']
    found = check_source(source({name: ['cat'] for name in names}), images)
    assert list(found.rows) == names
    assert found.sizes == [(40, 50), (50, 40), (50, 40), (50, 40), (80, 64)]
    assert found.orientations == [6, 1, 1, 1, 1]
    assert not found.left_out
    assert f'1 image {DARK.replace("have", "has", 1)} (first: d.png)' in found.problems
    assert found.notes == [
        f'2 images {FRAMES} (first: b.tif)',
        '1 image has broken EXIF data: nothing is turned (first: e.png)',
        '2 files are not images of a kind that is read: .txt (first: labels.txt)',
    ]


def test_two_images_of_one_id(images):
    found = check_source(source({'twice.jpg': ['cat'], 'twice.png': ['cat']}), images)
    assert list(found.rows) == ['twice.jpg']
    assert any(
        'twice.png and twice.jpg differ in their suffix alone, so their masks would be one file; '
        'rename one; left out' in problem
        for problem in found.problems
    )
