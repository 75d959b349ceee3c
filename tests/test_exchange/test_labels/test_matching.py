import pytest
from PIL import Image

from qaclims_mm.exchange.labels.image_folder import ImageFolder
from qaclims_mm.exchange.labels.matching import match_images
from qaclims_mm.exchange.labels.source import Source


@pytest.fixture
def folder(tmp_path):
    for name in ('a.jpg', 'b.jpg', 'sub/c.jpg', 'same.jpg', 'same.png'):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        Image.new('RGB', (4, 3)).save(path)
    return ImageFolder(tmp_path)


def source_of(*images):
    source = Source('table')
    for line, image in enumerate(images, start=2):
        source.add(image, ['cat'], f'x.csv:{line}')
    return source


def test_whole_paths_may_name_an_image_twice(folder):
    source = source_of('a.jpg', 'A', 'sub/../a.jpg')
    assert match_images(source, folder) == dict.fromkeys(source.rows, 'a.jpg')
    assert source.problems == source.notes == []


def test_ends_of_paths_are_noted(folder):
    source = source_of('a.jpg', 'images\\1/b.jpg', 'c.jpg')
    found = match_images(source, folder)
    assert found == {'a.jpg': 'a.jpg', 'images/1/b.jpg': 'b.jpg', 'c.jpg': 'sub/c.jpg'}
    assert source.notes == [
        '2 images were found by the end of the path (first: x.csv:3: images/1/b.jpg is b.jpg)'
    ]


@pytest.mark.parametrize(
    ('images', 'kept'),
    [
        (['train/a.jpg', 'val/a.jpg'], []),
        (['train/a.jpg', 'a.jpg'], ['a.jpg']),
        (['/data/upload/1/8f2a1b3c-a.jpg', '/data/upload/1/00000000-a.jpg'], []),
        (['http://x/a.jpg?v=1', 'http://x/a.jpg?v=2', 'b.jpg'], ['b.jpg']),
    ],
)
def test_ends_of_paths_that_claim_one_image_are_left_out(folder, images, kept):
    source = source_of(*images)
    assert list(match_images(source, folder)) == kept
    [problem] = source.problems
    assert problem.startswith(f'x.csv:2: image {images[0]} and image {images[1]} may both be a.jpg')


def test_one_line_for_each_kind_of_problem(folder):
    source = source_of('x.jpg', 'y.jpg', 'same', 'same.jpg', 'same.png', 'z.jpg', '../w.jpg')
    assert list(match_images(source, folder)) == ['same.jpg']
    missing, several, alike, outside = source.problems
    assert missing.endswith('x.jpg is missing; left out (2 more of this kind: x.csv:3, x.csv:7)')
    assert several == 'x.csv:4: image same may be same.jpg or same.png; left out'
    assert alike == (
        'x.csv:6: same.png and same.jpg differ in their suffix alone, so their masks would be one '
        'file; rename one; left out'
    )
    assert outside.startswith('x.csv:8: image ../w.jpg is not below')
