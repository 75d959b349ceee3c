import numpy as np
import pytest
import torch
from PIL import Image

from qaclims_mm.datasets.transforms.formatting import PackWeakInputs, to_chw


def make_record(size=(6, 9), **more):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    return dict(
        image_id='sub/a',
        img_path='sub/a.jpg',
        img=image,
        img_shape=size,
        ori_shape=size,
        class_indices=[1, 3],
        label_names=('b', 'd'),
        num_classes=4,
        **more,
    )


def test_to_chw_is_contiguous_also_for_a_mirrored_image():
    image = make_record()['img'][:, ::-1]
    tensor = to_chw(image)
    assert tensor.is_contiguous()
    assert tensor.dtype == torch.uint8
    for channel in range(3):
        np.testing.assert_array_equal(tensor[channel], image[..., channel])


def test_labels_and_what_is_known_of_the_image():
    sample = PackWeakInputs().transform(make_record())['data_samples']
    assert sample.image_labels.tolist() == [0, 1, 0, 1]
    assert sample.class_indices.tolist() == [1, 3]
    assert sample.class_indices.dtype == torch.int64
    assert sample.metainfo == dict(
        image_id='sub/a',
        img_path='sub/a.jpg',
        img_shape=(6, 9),
        ori_shape=(6, 9),
        label_names=('b', 'd'),
    )
    for absent in ('fg_rows', 'bg_rows', 'no_rows', 'gt_sem_seg'):
        assert absent not in sample


def test_image_without_a_class():
    record = make_record() | dict(class_indices=[], label_names=())
    sample = PackWeakInputs().transform(record)['data_samples']
    assert sample.image_labels.tolist() == [0, 0, 0, 0]
    assert sample.class_indices.shape == (0,)


def test_texts_and_mask():
    rows = dict(
        fg_rows=np.arange(6).reshape(2, 3),
        bg_rows=np.arange(4).reshape(2, 2) - 1,
        no_rows=np.array([[7], [8]]),
    )
    mask = np.full((6, 9), 255, np.uint8)
    mask[0, 0] = 4
    record = make_record(gt_seg_map=mask, **rows)
    sample = PackWeakInputs().transform(record)['data_samples']
    for name, value in rows.items():
        assert sample.get(name).tolist() == value.tolist()
    assert sample.gt_sem_seg.data.dtype == torch.int64
    assert sample.gt_sem_seg.data.tolist() == [mask.tolist()]


def test_scales_are_those_of_pillow():
    record = make_record()
    scales = (1.0, 0.5, 1.5, 0.01)
    inputs = PackWeakInputs(scales=scales).transform(record)['inputs']
    # as in the released code: round(side * scale), half to even, and here at least one pixel
    sizes = [(6, 9), (3, 4), (9, 14), (1, 1)]
    for tensor, (height, width) in zip(inputs, sizes, strict=True):
        wanted = Image.fromarray(record['img']).resize((width, height), Image.Resampling.BICUBIC)
        np.testing.assert_array_equal(tensor.permute(1, 2, 0), np.asarray(wanted))
    torch.testing.assert_close(inputs[0], to_chw(record['img']))


def test_label_outside_the_classes():
    with pytest.raises(IndexError):
        PackWeakInputs().transform(make_record() | dict(num_classes=3))


@pytest.fixture
def every_warning():
    """Let torch warn each time, not once in a process."""
    torch.set_warn_always(True)
    yield
    torch.set_warn_always(False)


@pytest.mark.usefixtures('every_warning')
@pytest.mark.parametrize('name', ['gt_seg_map', 'fg_rows', 'cam_high_res', 'img'])
@pytest.mark.filterwarnings('error')
def test_arrays_that_are_read_only(name):
    """Those of Pillow and of Arrow are; torch would warn of the first one in each process."""
    array = np.random.default_rng(1).integers(0, 4, (6, 9, 3), dtype=np.uint8)
    array = array[..., 0].copy() if name == 'gt_seg_map' else array
    array.flags.writeable = False
    packed = PackWeakInputs().transform(make_record() | {name: array})
    sample = packed['data_samples']
    found = dict(gt_seg_map=lambda: sample.gt_sem_seg.data[0], img=lambda: packed['inputs'])
    tensor = found.get(name, lambda: sample.get(name))()
    wanted = array.transpose(2, 0, 1) if name == 'img' else array
    np.testing.assert_array_equal(tensor, wanted)
    # what is done to the tensor does not reach the array
    tensor.fill_(7)
    assert array.max() < 4
