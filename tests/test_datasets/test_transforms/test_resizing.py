import numpy as np
import pytest
from mmengine.registry import TRANSFORMS
from PIL import Image

from qaclims_mm.datasets.transforms.resizing import RandomCropPad, RandomResizeLongSide, RandomScale


def record(height, width):
    """Return an image whose pixels are all different, so that a window tells where it was cut."""
    rows, columns = np.mgrid[:height, :width]
    image = np.stack([rows, columns, rows + columns], axis=-1).astype(np.uint8)
    return dict(img=image, img_shape=(height, width), ori_shape=(height, width))


def repeat(transform, height, width, times=300):
    np.random.seed(0)  # noqa: NPY002 - the state that the transforms read
    return [transform.transform(record(height, width)) for _ in range(times)]


@pytest.mark.parametrize(('height', 'width'), [(30, 60), (60, 30), (45, 45), (7, 60)])
def test_resize_keeps_the_aspect_and_draws_every_length(height, width):
    transform = RandomResizeLongSide(min_side=20, max_side=40)
    lengths = set()
    for results in repeat(transform, height, width):
        shape = results['img'].shape
        assert results['img_shape'] == shape[:2]
        assert results['ori_shape'] == (height, width)
        long = max(shape[:2])
        lengths.add(long)
        # no more than half a pixel off the exact side
        assert abs(shape[0] - height * long / max(height, width)) <= 0.5
        assert abs(shape[1] - width * long / max(height, width)) <= 0.5
    assert lengths == set(range(20, 41))


def test_resize_is_pillows_bicubic():
    image = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    results = RandomResizeLongSide(35, 35).transform(dict(img=image))
    expected = Image.fromarray(image).resize((35, 25), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(results['img'], np.asarray(expected))


def test_resize_of_a_very_thin_image_keeps_a_pixel():
    assert RandomResizeLongSide(10, 10).transform(record(1, 200))['img'].shape == (1, 10, 3)


@pytest.mark.parametrize(('low', 'high'), [(0, 10), (20, 10)])
def test_resize_refuses_bad_lengths(low, high):
    with pytest.raises(ValueError, match=rf'1 <= min_side <= max_side, but got {low} and {high}'):
        RandomResizeLongSide(low, high)


@pytest.mark.parametrize(
    ('height', 'width'), [(20, 30), (9, 11), (12, 12), (20, 5), (5, 20)], ids=str
)
def test_crop_is_a_window_at_any_place(height, width):
    canvas = 12
    starts, offsets = (set(), set()), (set(), set())
    for results in repeat(RandomCropPad(canvas), height, width):
        image, offset = results['img'], results['pad_offset']
        assert results['img_shape'] == image.shape[:2]
        start = image[0, 0, :2].tolist()
        np.testing.assert_array_equal(
            image,
            record(height, width)['img'][
                start[0] : start[0] + canvas, start[1] : start[1] + canvas
            ],
        )
        for axis in (0, 1):
            starts[axis].add(start[axis])
            offsets[axis].add(offset[axis])
    for axis, side in enumerate((height, width)):
        assert starts[axis] == set(range(max(side - canvas, 0) + 1))
        assert offsets[axis] == set(range(max(canvas - side, 0) + 1))


def test_crop_to_a_rectangle():
    results = RandomCropPad((4, 30)).transform(record(20, 20))
    assert results['img'].shape == (4, 20, 3)
    assert results['pad_offset'][0] == 0


@pytest.mark.parametrize('size', [0, (4, 0), (1, 2, 3)])
def test_crop_refuses_a_bad_size(size):
    with pytest.raises(ValueError, match='size must be one or two positive numbers, but got'):
        RandomCropPad(size)


def test_one_seed_gives_one_result():
    transforms = [RandomResizeLongSide(20, 40), RandomCropPad(25)]

    def run():
        np.random.seed(3)  # noqa: NPY002 - as above
        results = record(30, 50)
        for transform in transforms:
            results = transform.transform(results)
        return results

    first, second = run(), run()
    np.testing.assert_array_equal(first['img'], second['img'])
    assert first['pad_offset'] == second['pad_offset']


def test_offset_reaches_the_sample():
    results = record(10, 12) | dict(
        image_id='a', img_path='a.jpg', label_names=(), class_indices=[]
    )
    results['num_classes'] = 3
    for cfg in (dict(type='RandomCropPad', size=16), dict(type='PackWeakInputs')):
        results = TRANSFORMS.build(dict(cfg, _scope_='mmseg')).transform(results)
    row, column = results['data_samples'].pad_offset
    assert 0 <= row <= 6
    assert 0 <= column <= 4
    assert results['inputs'].shape == (3, 10, 12)


# --- masks, where they are loaded -----------------------------------------------------------------


def with_mask(height, width):
    """Return a record whose mask repeats the image's first channel."""
    results = record(height, width)
    return dict(results, gt_seg_map=results['img'][..., 0].copy())


@pytest.mark.parametrize('canvas', [8, 40])
def test_a_mask_is_cut_as_its_image_is(canvas):
    np.random.seed(0)  # noqa: NPY002 - the state that the transforms read
    for _ in range(20):
        results = RandomCropPad(canvas).transform(with_mask(20, 30))
        np.testing.assert_array_equal(results['gt_seg_map'], results['img'][..., 0])


def test_scale_draws_factors_and_keeps_the_classes_of_the_mask():
    np.random.seed(0)  # noqa: NPY002 - the state that the transforms read
    mask = np.zeros((40, 60), dtype=np.uint8)
    mask[10:30, 20:50] = 7
    mask[:2] = 255
    factors = []
    for _ in range(100):
        results = RandomScale(0.5, 1.5).transform(dict(record(40, 60), gt_seg_map=mask))
        shape = results['img_shape']
        assert results['img'].shape == (*shape, 3)
        assert results['gt_seg_map'].shape == shape
        assert set(np.unique(results['gt_seg_map'])) == {0, 7, 255}
        share = (results['gt_seg_map'] == 7).mean()
        assert share == pytest.approx((mask == 7).mean(), abs=0.03)
        factors.append(shape[0] / 40)
    assert min(factors) < 0.6
    assert max(factors) > 1.4
    assert np.mean(factors) == pytest.approx(1, abs=0.1)


def test_long_side_takes_the_mask_with_it():
    results = RandomResizeLongSide(30, 30).transform(with_mask(40, 60))
    assert results['gt_seg_map'].shape == results['img'].shape[:2] == (20, 30)


@pytest.mark.parametrize('factors', [(0, 1), (1.5, 0.5)])
def test_scale_refuses_bad_factors(factors):
    with pytest.raises(ValueError, match=rf'min_factor <= max_factor, but got {factors[0]} and'):
        RandomScale(*factors)
