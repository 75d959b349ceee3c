import numpy as np
import pytest

from qaclims_mm.functional import crf_labels as crf
from qaclims_mm.functional.crf import CRFSettings, dense_crf, memory_of_fields
from qaclims_mm.functional.crf_labels import confident_labels, label_energy, memory_of_labels


def picture(height=24, width=32, seed=0):
    """Two halves of different colours with a little noise."""
    image = np.zeros((height, width, 3))
    image[:, : width // 2] = (200, 60, 40)
    image[:, width // 2 :] = (30, 90, 180)
    noise = np.random.default_rng(seed).integers(-4, 5, image.shape)
    return (image + noise).astype(np.uint8)


def test_label_energy():
    energy = label_energy(np.array([[0, 2]]), 3, confidence=0.8)
    np.testing.assert_allclose(np.exp(-energy[:, 0, 0]), [0.8, 0.1, 0.1], rtol=1e-6)
    np.testing.assert_allclose(np.exp(-energy[:, 0, 1]), [0.1, 0.1, 0.8], rtol=1e-6)


def test_confident_labels_follow_the_picture():
    image = picture()
    cams = np.zeros((1, 24, 32), np.float32)
    # the left half is surely of the class but for a hole, the right one is a little active
    cams[0, :, :16], cams[0, 10:12, 5:7], cams[0, :, 16:] = 0.9, 0.2, 0.15
    labels = confident_labels(cams, np.array([4]), image)
    assert labels.dtype == np.uint8
    assert (labels[:, :15] == 5).all()
    assert (labels[:, 17:] == 255).all()
    assert (confident_labels(cams, np.array([4]), image, conf_bg=0.2)[:, 17:] == 0).all()


def test_an_image_without_a_class_is_background():
    labels = confident_labels(np.zeros((0, 24, 32)), np.zeros(0, np.int64), picture())
    assert labels.shape == (24, 32)
    assert not labels.any()


def test_maps_of_another_size():
    with pytest.raises(ValueError, match=r'maps must be \(1, 24, 32\).*but got \(1, 24, 31\)'):
        confident_labels(np.zeros((1, 24, 31)), np.array([1]), picture())


def test_maps_with_nan_are_named():
    cams = np.zeros((3, 24, 32), np.float32)
    cams[1, 5, 5] = np.nan
    with pytest.raises(ValueError, match=r'^the maps of the class indices \[7\] have NaN; make'):
        confident_labels(cams, np.array([2, 7, 9]), picture())


@pytest.mark.goldens
def test_labels_of_the_released_code(goldens_dir):
    golden = np.load(goldens_dir / 'ir_label.npz')
    labels = confident_labels(golden['cams'], golden['keys'], golden['img'])
    np.testing.assert_array_equal(labels, golden['conf'])


def test_a_class_beyond_a_byte():
    image = np.zeros((6, 8, 3), np.uint8)
    labels = confident_labels(np.ones((1, 6, 8), np.float32), np.array([300]), image)
    assert labels.dtype == np.uint16
    assert (labels == 301).all()


def blobs(number, height, width):
    rows, columns = np.mgrid[:height, :width]
    centres = np.random.default_rng(0).random((number, 2))
    return np.stack(
        [
            np.exp(-(((rows / height - y) / 0.2) ** 2) - ((columns / width - x) / 0.2) ** 2)
            for y, x in centres
        ]
    ).astype(np.float32)


@pytest.mark.parametrize(('classes', 'height', 'width'), [(1, 60, 80), (4, 81, 47), (6, 1, 500)])
def test_labels_of_many_classes_are_made_at_a_lower_resolution(monkeypatch, classes, height, width):
    image, maps = picture(height, width), blobs(classes, height, width)
    names, fields = np.arange(classes), []

    def note(image, energies, settings, free):
        fields.append((image.shape[0] * image.shape[1], settings))
        assert free is None
        return dense_crf(image, energies, settings)

    monkeypatch.setattr(crf, 'dense_crf', note)
    whole = confident_labels(maps, names, image)
    a_quarter = memory_of_fields(2, classes + 1, 1, height * width // 4)
    monkeypatch.setattr(crf, '_MOST_BYTES', a_quarter)
    small = confident_labels(maps, names, image)
    assert small.shape == whole.shape
    assert small.dtype == whole.dtype
    assert fields[0] == (height * width, CRFSettings())
    assert fields[1][0] <= height * width // 4
    assert memory_of_labels(classes, height, width) == 5 * maps.size + a_quarter
    if height > 1:
        # distances in pixels shrink with the picture, differences of colour do not
        assert fields[1][1].bilateral_xy == pytest.approx(25, rel=0.01)
        assert fields[1][1].gaussian_xy == pytest.approx(1.5, rel=0.01)
        assert fields[1][1].bilateral_rgb == CRFSettings().bilateral_rgb
        unsure = (small == 255) | (whole == 255)
        assert ((small == whole) | unsure).mean() > 0.98
        assert (small == whole).mean() > 0.8


def test_a_field_that_is_just_small_enough_stays(monkeypatch):
    image, maps = picture(20, 30), blobs(2, 20, 30)
    wanted = confident_labels(maps, np.arange(2), image)
    monkeypatch.setattr(crf, '_MOST_BYTES', memory_of_fields(2, 3, 20, 30))
    np.testing.assert_array_equal(confident_labels(maps, np.arange(2), image), wanted)


@pytest.mark.parametrize('index', [-1, 65535, 2**40])
def test_classes_that_no_mask_can_hold(index):
    maps = blobs(1, 20, 30)
    with pytest.raises(ValueError, match=rf'must be in 0\.\.65534, but got \[{index}\]'):
        confident_labels(maps, [index], picture(20, 30))
    last = confident_labels(maps, [65534], picture(20, 30))
    assert set(np.unique(last)) <= {0, 255, 65535}
