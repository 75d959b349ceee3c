import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import strategies
from hypothesis import given
from hypothesis import strategies as st

from qaclims_mm import schemas
from qaclims_mm.errors import FormatError
from qaclims_mm.schemas.cams import check_cams


def test_cams_round_trip(tmp_path):
    rng = np.random.default_rng(0)
    high, low = rng.random((2, 9, 13), dtype=np.float32), rng.random((2, 3, 4), dtype=np.float32)
    path = tmp_path / 'sub dir/a.npz'
    schemas.write_cams(path, np.array([3, 7]), low, high)
    read = schemas.read_cams(path)
    assert read.class_indices.tolist() == [3, 7]
    assert read.size == (9, 13)
    assert np.abs(read.high_res - high).max() <= 0.5 / 255 + 1e-6
    assert np.abs(read.strided - low).max() <= 2**-11
    assert list(path.parent.iterdir()) == [path]
    with np.load(path, allow_pickle=False) as file:
        assert {k: file[k].dtype.name for k in file} == dict(
            keys='int64', strided='float16', high_res='uint8', size='int64'
        )


def test_cams_without_a_class(tmp_path):
    schemas.write_cams(tmp_path / 'a.npz', np.zeros(0), np.zeros((0, 3, 4)), np.zeros((0, 9, 13)))
    assert schemas.read_cams(tmp_path / 'a.npz').high_res.shape == (0, 9, 13)


@pytest.mark.parametrize(
    ('strided', 'high', 'message'),
    [
        ((1, 3, 4), (2, 9, 13), r'maps must be \(n, ceil\(H/4\)'),
        ((2, 3, 3), (2, 9, 13), r'maps must be \(n, ceil\(H/4\)'),
    ],
)
def test_cams_of_disagreeing_shapes(tmp_path, strided, high, message):
    with pytest.raises(ValueError, match=message):
        schemas.write_cams(tmp_path / 'a.npz', np.arange(2), np.zeros(strided), np.zeros(high))


@pytest.mark.parametrize('value', [1.5, -0.1, np.nan])
def test_cams_out_of_range(tmp_path, value):
    high = np.full((1, 8, 8), value)
    with pytest.raises(ValueError, match=r'high_res must be in \[0, 1\]'):
        schemas.write_cams(tmp_path / 'a.npz', np.arange(1), np.zeros((1, 2, 2)), high)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('keep', [0, 10, 300])
def test_truncated_cams(tmp_path, keep):
    path = tmp_path / 'a.npz'
    schemas.write_cams(path, np.arange(1), np.zeros((1, 2, 2)), np.zeros((1, 8, 8)))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(FormatError, match=r'a.npz is not a CAM file.*run the CAM export again'):
        schemas.read_cams(path)


def test_pickled_cams_are_refused(tmp_path):
    np.savez(tmp_path / 'a.npz', keys=np.array([{}], dtype=object))
    with pytest.raises(FormatError, match='is not a CAM file'):
        schemas.read_cams(tmp_path / 'a.npz')


@strategies.fast
@given(st.sets(strategies.image_ids, max_size=4))
def test_every_image_has_a_file_of_its_own(image_ids):
    with tempfile.TemporaryDirectory() as folder:
        for key, image_id in enumerate(sorted(image_ids)):
            path = schemas.file_of(folder, image_id, '.npz')
            schemas.write_cams(path, np.array([key]), np.zeros((1, 1, 1)), np.zeros((1, 2, 3)))
        for key, image_id in enumerate(sorted(image_ids)):
            assert schemas.read_cams(schemas.file_of(folder, image_id, '.npz')).class_indices == [
                key
            ]
        found = {schemas.image_id_of(path, folder) for path in Path(folder).rglob('*.npz')}
        assert found == image_ids


def test_cams_without_the_maps_of_full_size(tmp_path):
    high = np.random.default_rng(0).random((3, 5, 9))
    schemas.write_cams(tmp_path / 'a.npz', np.array([4, 0, 7]), high[:, ::4, ::4], high)
    whole, small = (
        schemas.read_cams(tmp_path / 'a.npz'),
        schemas.read_cams(tmp_path / 'a.npz', full_size=False),
    )
    assert small.high_res.shape == (0, 5, 9)
    assert small.size == whole.size
    np.testing.assert_array_equal(small.class_indices, whole.class_indices)
    np.testing.assert_array_equal(small.strided, whole.strided)


def test_the_maps_of_one_class(tmp_path):
    high = np.random.default_rng(0).random((3, 5, 9))
    schemas.write_cams(tmp_path / 'a.npz', np.array([4, 0, 7]), high[:, ::4, ::4], high)
    whole = schemas.read_cams(tmp_path / 'a.npz')
    for row, label in enumerate((4, 0, 7)):
        one = schemas.read_cams(tmp_path / 'a.npz', only=label)
        assert one.class_indices.tolist() == [label]
        np.testing.assert_array_equal(one.strided, whole.strided[row : row + 1])
        np.testing.assert_array_equal(one.high_res, whole.high_res[row : row + 1])
    none = schemas.read_cams(tmp_path / 'a.npz', only=5)
    assert (none.strided.shape, none.high_res.shape) == ((0, 2, 3), (0, 5, 9))
    assert none.size == whole.size


@pytest.mark.parametrize('keep', [0, 10, 300])
def test_the_maps_of_one_class_of_a_truncated_file(tmp_path, keep):
    path, high = tmp_path / 'a.npz', np.zeros((3, 12, 20))
    schemas.write_cams(path, np.array([4, 0, 7]), high[:, ::4, ::4], high)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(FormatError, match='run the CAM export again'):
        schemas.read_cams(path, only=7)


def write_bomb(path, side=6000, classes=2):
    """Write a small file of huge maps."""
    high = np.zeros((classes, side, side), np.uint8)
    low = np.zeros((classes, side // 4, side // 4), np.float16)
    size = np.array([side, side])
    np.savez_compressed(path, keys=np.arange(classes), strided=low, high_res=high, size=size)
    assert path.stat().st_size < 200_000


def peak_of(function):
    """Return the most bytes that a call holds, and its result or its error."""
    tracemalloc.start()
    try:
        result = function()
    except FormatError as error:
        result = error
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak, result


def test_a_small_file_of_huge_maps_takes_no_memory(tmp_path):
    write_bomb(tmp_path / 'a.npz')
    peak, found = peak_of(lambda: schemas.read_cams(tmp_path / 'a.npz', image_size=(9, 13)))
    assert str(found) == (
        f'maps {tmp_path}/a.npz are of an image of 6000x6000, but the image has 13x9; delete them '
        'and run the CAM export again'
    )
    assert peak < 1_000_000
    # the check has no image, and reads the maps of full size (72 MB, as numbers 288) in pieces
    peak, found = peak_of(lambda: check_cams(tmp_path / 'a.npz'))
    assert found.size == (6000, 6000)
    assert peak < 60_000_000


@pytest.mark.parametrize('index', [65535, 2**40])
def test_classes_that_no_mask_can_hold(tmp_path, index):
    path = tmp_path / 'a.npz'
    schemas.write_cams(path, np.array([index]), np.zeros((1, 2, 2)), np.zeros((1, 8, 8)))
    for read in (schemas.read_cams, check_cams):
        with pytest.raises(FormatError, match=rf'{path} has class {index}, but 65534 is the last'):
            read(path)
