import pytest
from PIL import Image

from qaclims_mm.review.images import ImageSizes


@pytest.fixture
def paths(tmp_path):
    """A photograph that its EXIF data turn, a plain one and a broken one."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new('RGB', (30, 20)).save(tmp_path / 'turned.jpg', exif=exif)
    Image.new('RGB', (30, 20)).save(tmp_path / 'plain.png')
    (tmp_path / 'broken.png').write_bytes(b'\x89PNG')
    names = ('turned.jpg', 'plain.png', 'broken.png', 'missing.png')
    return {name.partition('.')[0]: str(tmp_path / name) for name in names}


@pytest.mark.parametrize('oriented', [True, False])
def test_sizes_as_images_are_seen(paths, oriented):
    sizes = ImageSizes(paths, oriented)
    assert sizes['plain'] == (20, 30)
    assert sizes['turned'] == ((30, 20) if oriented else (20, 30))
    assert sizes['broken'] == sizes['missing'] == (0, 0)
    assert [*sizes] == ['turned', 'plain', 'broken', 'missing']
    assert len(sizes) == 4
    assert 'other' not in sizes


def test_no_file_is_opened_before_it_is_asked_for(paths, monkeypatch):
    opened, plain_open = [], Image.open
    monkeypatch.setattr(Image, 'open', lambda path: opened.append(path) or plain_open(path))
    sizes = ImageSizes(paths, True)
    assert len([*sizes]) == 4
    assert opened == []
    assert sizes['plain'] == (20, 30)
    assert opened == [paths['plain']]
