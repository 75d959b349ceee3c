import numpy as np
import pytest

from qaclims_mm import schemas
from qaclims_mm.errors import FormatError


def test_mask_round_trip_and_colours(tmp_path):
    from PIL import Image

    mask = np.array([[0, 1, 15], [20, 255, 2]])
    schemas.write_mask(tmp_path / 'm.png', mask)
    np.testing.assert_array_equal(schemas.read_mask(tmp_path / 'm.png'), mask)
    colours = np.asarray(Image.open(tmp_path / 'm.png').convert('RGB'))
    # VOC: aeroplane dark red, person pinkish, tv monitor (20) blue-green, void cream
    assert colours[0, 1].tolist() == [128, 0, 0]
    assert colours[0, 2].tolist() == [192, 128, 128]
    assert colours[1, 0].tolist() == [0, 64, 128]
    assert colours[1, 1].tolist() == [224, 224, 192]


def test_resized_by_nearest_neighbours():
    mask = np.array([[0, 300], [255, 2]], np.uint16)
    larger = schemas.resize_mask(mask, (4, 6))
    np.testing.assert_array_equal(larger, mask.repeat(2, 0).repeat(3, 1))
    assert larger.dtype == np.uint16
    np.testing.assert_array_equal(schemas.resize_mask(larger, (2, 2)), mask)


@pytest.mark.parametrize('size', [(7, 5), (23, 40), (112, 1), (375, 500), (3, 1001)])
def test_resized_as_pillow_does(size):
    from PIL import Image

    mask = np.random.default_rng(0).integers(0, 256, (23, 31), dtype=np.uint8)
    wanted = Image.fromarray(mask).resize(size[::-1], Image.Resampling.NEAREST)
    np.testing.assert_array_equal(schemas.resize_mask(mask, size), np.asarray(wanted))


def test_colour_image_is_no_mask(tmp_path):
    from PIL import Image

    Image.new('RGB', (4, 4)).save(tmp_path / 'm.png')
    with pytest.raises(FormatError, match='must be a palette or grey PNG, but its mode is RGB'):
        schemas.read_mask(tmp_path / 'm.png')


def test_mask_out_of_range(tmp_path):
    with pytest.raises(ValueError, match=r'values in 0\.\.65535'):
        schemas.write_mask(tmp_path / 'm.png', np.array([[70000]]))


def test_more_classes_than_a_byte_has(tmp_path):
    mask = np.array([[0, 254, 255], [256, 1000, 65535]])
    schemas.write_mask(tmp_path / 'm.png', mask)
    found = schemas.read_mask(tmp_path / 'm.png')
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, mask)


def test_a_mask_is_written_once(tmp_path):
    mask = np.array([[0, 300, 2]])
    assert schemas.masks.update_mask(tmp_path / 'a.png', mask)
    assert not schemas.masks.update_mask(tmp_path / 'a.png', mask)
    assert schemas.masks.update_mask(tmp_path / 'a.png', mask.T)
    np.testing.assert_array_equal(schemas.read_mask(tmp_path / 'a.png'), mask.T)
