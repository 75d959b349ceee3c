import numpy as np
import pytest

from qaclims_mm.errors import RecordError
from qaclims_mm.registry import TRANSFORMS
from qaclims_mm.schemas import read_cams, write_cams


@pytest.fixture
def record(tmp_path):
    rng = np.random.default_rng(0)
    high = rng.random((2, 12, 17), dtype=np.float32)
    write_cams(tmp_path / 'a.npz', np.array([1, 5]), high[:, ::4, ::4], high)
    image = rng.integers(0, 256, (12, 17, 3), dtype=np.uint8)
    return dict(image_id='a', img=image, ori_shape=(12, 17), num_classes=6)


def load(folder, record):
    return TRANSFORMS.build(dict(type='LoadCAMs', cams=str(folder)))(dict(record))


def test_maps_are_those_of_the_file(tmp_path, record):
    loaded, cams = load(tmp_path, record), read_cams(tmp_path / 'a.npz')
    assert loaded['cam_class_indices'].tolist() == [1, 5]
    np.testing.assert_array_equal(loaded['cam_high_res'], cams.high_res)
    np.testing.assert_array_equal(loaded['cam_strided'], cams.strided)


def test_missing_maps(tmp_path, record):
    with pytest.raises(RecordError, match=r'maps .*b\.npz are missing; run qaclims test'):
        load(tmp_path, {**record, 'image_id': 'b'})


def test_broken_maps(tmp_path, record):
    (tmp_path / 'a.npz').write_bytes(b'no archive')
    with pytest.raises(RecordError, match=r'a\.npz is not a CAM file'):
        load(tmp_path, record)


def test_maps_of_another_size(tmp_path, record):
    with pytest.raises(RecordError, match='of an image of 17x12, but the image has 18x12'):
        load(tmp_path, {**record, 'ori_shape': (12, 18)})


def test_maps_of_classes_that_the_dataset_does_not_have(tmp_path, record):
    with pytest.raises(RecordError, match=r'a\.npz have class 5, but the number of classes is 5'):
        load(tmp_path, {**record, 'num_classes': 5})


def test_maps_of_full_size_are_left_on_disk(tmp_path, record):
    step = TRANSFORMS.build(dict(type='LoadCAMs', cams=str(tmp_path), full_size=False))
    loaded = step(dict(record))
    assert 'cam_high_res' not in loaded
    np.testing.assert_array_equal(loaded['cam_strided'], read_cams(tmp_path / 'a.npz').strided)
    with pytest.raises(RecordError, match='of an image of 17x12, but the image has 18x12'):
        step({**record, 'ori_shape': (12, 18)})
