import os
import sys

import numpy as np
import pytest
from PIL import Image

from qaclims_mm.schemas import image_file
from qaclims_mm.schemas.image_file import MAX_PIXELS, open_image, read_size, turned, turned_back

HEIC = b'\0\0\0\x18ftypheic\0\0\0\0mif1heic'


def decode(path, change=None):
    with open_image(path) as image:
        if change:
            change(path)
        image.load()


@pytest.fixture
def path(tmp_path):
    """A PNG that cannot be packed into a few bytes, an hour old."""
    path = tmp_path / 'a.png'
    pixels = np.random.default_rng(0).integers(0, 256, (50, 60, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    os.utime(path, (1e9, 1e9))
    return path


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'', 'it is empty'),
        (b'PK\3\4....', 'it is an archive or an Office document'),
        (b'%PDF-1.4', 'it is a PDF document'),
        (b'version https://git-lfs.github.com/spec/v1', 'it is a pointer of Git LFS, whose image'),
        (b'<!DOCTYPE HTML>', 'it is a web page'),
        (b'II*\0' + b'\0' * 40, 'it is a TIFF of an unknown kind; save it with 8 bits'),
        (b'nothing', 'it is no image, or of an unknown kind'),
    ],
)
def test_files_that_are_no_images(path, content, message):
    path.write_bytes(content)
    with pytest.raises(OSError, match=f'^{message}'):
        decode(path)


def test_heic_without_the_library(path, monkeypatch):
    path.write_bytes(HEIC)
    monkeypatch.setitem(sys.modules, 'pillow_heif', None)
    monkeypatch.setattr(Image, 'OPEN', {k: v for k, v in Image.OPEN.items() if k != 'HEIF'})
    monkeypatch.setattr(Image, 'ID', [k for k in Image.ID if k != 'HEIF'])
    with pytest.raises(OSError, match=r"pillow-heif is missing: pip install 'qaclims_mm\[heic\]'$"):
        decode(path)


def test_a_file_that_is_cut_off(path):
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(OSError, match=r'truncated.*; is it still being written\?$'):
        decode(path)
    os.utime(path, (1e9, 1e9))
    with pytest.raises(OSError, match=r'truncated[^;]*$'):
        decode(path)


@pytest.mark.parametrize('change', [lambda p: p.write_bytes(b'x'), os.utime, os.unlink])
def test_a_file_that_changes_while_it_is_read(path, change):
    with pytest.raises(OSError, match='it changed while it was read; is it still being written'):
        decode(path, change)


def test_a_file_that_is_cut_while_it_is_read(path):
    with pytest.raises(OSError, match='it changed while it was read'):
        decode(path, lambda path: os.truncate(path, 200))


def test_what_is_no_file(path, tmp_path):
    with pytest.raises(FileNotFoundError):
        decode(tmp_path / 'gone.png')
    with pytest.raises(OSError, match=r'^it is a folder, not a file$'):
        decode(tmp_path)
    os.mkfifo(tmp_path / 'pipe.png')
    with pytest.raises(OSError, match=r'^it is not a regular file$'):
        decode(tmp_path / 'pipe.png')


def test_more_pixels_than_there_may_be(path, monkeypatch):
    decode(path)
    assert Image.MAX_IMAGE_PIXELS == MAX_PIXELS
    monkeypatch.setattr(image_file, 'MAX_PIXELS', 2999)
    with pytest.raises(OSError, match=r'^it has 60 x 50 pixels, more than 2,999; cut it'):
        decode(path)


def test_a_limit_that_somebody_set_stays(path, monkeypatch):
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 100)
    with pytest.raises(OSError, match=r'^it has more than 100 pixels; cut it into tiles$'):
        decode(path)


@pytest.mark.parametrize('orientation', range(1, 9))
def test_turning_back(orientation):
    image = Image.fromarray(np.arange(6, dtype=np.uint16).reshape(2, 3))
    back = turned_back(turned(image, orientation), orientation)
    np.testing.assert_array_equal(np.asarray(back), np.asarray(image))


@pytest.mark.parametrize('suffix', ['png', 'jpg', 'tif', 'webp', 'avif'])
@pytest.mark.parametrize('orientation', [1, 3, 6, 8])
def test_sizes(tmp_path, suffix, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new('RGB', (60, 40)).save(tmp_path / f'a.{suffix}', exif=exif)
    swapped = orientation >= 5
    assert read_size(tmp_path / f'a.{suffix}', True) == ((60, 40) if swapped else (40, 60))
    assert read_size(tmp_path / f'a.{suffix}', False) == (40, 60)
