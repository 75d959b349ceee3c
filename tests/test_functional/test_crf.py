import itertools
import re

import numpy as np
import pytest
import torch
from PIL import Image

from qaclims_mm.functional import crf as module
from qaclims_mm.functional.crf import (
    CRFSettings,
    DenseCRF,
    check_memory,
    dense_crf,
    memory_of_fields,
)
from qaclims_mm.functional.crf_labels import label_energy
from qaclims_mm.miniworld.regions import draw_pictures


def picture(height=24, width=32, seed=0):
    """Two halves of different colours with a little noise."""
    image = np.zeros((height, width, 3))
    image[:, : width // 2] = (200, 60, 40)
    image[:, width // 2 :] = (30, 90, 180)
    noise = np.random.default_rng(seed).integers(-4, 5, image.shape)
    return (image + noise).astype(np.uint8)


def naive_mean_field(image, energy, settings):
    """Mean-field steps with both kernels summed over all pairs of pixels, weights normalised."""
    height, width = image.shape[:2]
    places = np.stack(np.indices((height, width)), -1).reshape(-1, 2).astype(float)
    colours = image.reshape(-1, 3).astype(float)

    def kernel(features):
        distances = ((features[:, None] - features[None]) ** 2).sum(-1)
        weights = np.exp(-distances / 2)
        np.fill_diagonal(weights, 0)
        scale = 1 / np.sqrt(weights.sum(1) + 1e-20)
        return scale[:, None] * weights * scale[None]

    close = kernel(places / settings.gaussian_xy)
    alike = kernel(
        np.concatenate([places / settings.bilateral_xy, colours / settings.bilateral_rgb], axis=1)
    )
    flat = energy.reshape(len(energy), -1).astype(float)
    q = np.exp(-flat) / np.exp(-flat).sum(0)
    for _ in range(settings.steps):
        message = settings.gaussian_weight * q @ close + settings.bilateral_weight * q @ alike
        scores = message - flat
        q = np.exp(scores - scores.max(0))
        q /= q.sum(0)
    return q.reshape(energy.shape)


def of_the_library(image, energies, settings):
    """Return what pydensecrf makes of each field, ``(F, N, H, W)``."""
    densecrf = pytest.importorskip('pydensecrf.densecrf')
    labels, (height, width) = energies.shape[1], image.shape[:2]
    field = densecrf.DenseCRF2D(width, height, labels)
    field.addPairwiseGaussian(sxy=settings.gaussian_xy, compat=settings.gaussian_weight)
    field.addPairwiseBilateral(
        sxy=settings.bilateral_xy,
        srgb=settings.bilateral_rgb,
        rgbim=np.array(image, order='C'),
        compat=settings.bilateral_weight,
    )
    made = []
    for energy in energies:
        field.setUnaryEnergy(np.ascontiguousarray(energy.reshape(labels, -1), np.float32))
        made.append(np.array(field.inference(settings.steps)))
    return np.array(made).reshape(energies.shape)


def blobs(labels, height, width, seed=0):
    """Return labels ``(H, W)`` in smooth parts."""
    random = np.random.default_rng(seed).random((labels, 5, 6), dtype=np.float32)
    size = (width, height)
    return np.stack(
        [np.asarray(Image.fromarray(r).resize(size, Image.Resampling.BICUBIC)) for r in random]
    ).argmax(0)


def energies_of(image, labels, fields=2):
    size = image.shape[:2]
    return np.stack([label_energy(blobs(labels, *size, seed), labels) for seed in range(fields)])


def assert_as_the_library(image, labels, settings=CRFSettings()):  # noqa: B008 - immutable
    energies = energies_of(image, labels)
    got, wanted = (f(image, energies, settings) for f in (dense_crf, of_the_library))
    assert np.abs(got - wanted).max() < 1e-4
    np.testing.assert_array_equal(got.argmax(1), wanted.argmax(1))


@pytest.mark.parametrize('labels', [2, 3, 21])
@pytest.mark.parametrize(
    'settings', [CRFSettings(), CRFSettings(1, 1, 3, 67, 3, 4), CRFSettings(5, 2.5, 1, 10, 13, 2)]
)
def test_probabilities_of_the_library(labels, settings):
    for _, made in itertools.islice(draw_pictures(3, 2), 2):
        assert_as_the_library(made.image, labels, settings)


def whole_fours(path):
    """Read a photograph without the last columns, so that it has 4 n pixels.

    The library fills other numbers up with black pixels at the corner.
    """
    pixels = np.asarray(Image.open(path).convert('RGB'))
    return pixels[:, : pixels.shape[1] // 4 * 4]


@pytest.mark.realdata
def test_photographs_as_the_library(realdata_dir):
    paths = sorted(realdata_dir.rglob('*.jpg'))
    assert len(paths) > 10
    for path in paths[:: max(1, len(paths) // 8)]:
        assert_as_the_library(whole_fours(path), 3)


@pytest.mark.slow
@pytest.mark.realdata
def test_forty_photographs_as_the_library(realdata_dir):
    for path in sorted(realdata_dir.rglob('*.jpg'))[:40]:
        assert_as_the_library(whole_fours(path), 3)


@pytest.mark.parametrize(
    ('height', 'width'), [(1, 4), (4, 1), (200, 2), (3, 1000), (16, 17)], ids=str
)
def test_odd_sizes_as_the_library(height, width):
    """Of 4 n pixels; the library fills other numbers up with black ones at the corner."""
    random = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    assert_as_the_library(random, 2)


def test_against_all_pairs_of_pixels():
    image, settings = picture(), CRFSettings(bilateral_xy=10, bilateral_rgb=20)
    labels = np.random.default_rng(1).integers(0, 2, image.shape[:2])
    labels[:, :16] |= np.random.default_rng(2).random((24, 16)) < 0.5
    energy = label_energy(labels, 2)
    [got] = dense_crf(image, energy[None], settings)
    wanted = naive_mean_field(image, energy, settings)
    assert got.sum(0) == pytest.approx(1, abs=1e-5)
    # the lattice approximates both sums
    assert (got.argmax(0) == wanted.argmax(0)).mean() > 0.97


def test_fields_together_are_those_alone():
    image = picture()
    energies = energies_of(image, 3, fields=4)
    together = dense_crf(image, energies)
    for energy, found in zip(energies, together, strict=True):
        [alone] = dense_crf(image, energy[None])
        np.testing.assert_allclose(found, alone, atol=2e-6)


def test_a_field_is_used_again():
    image = picture()
    field = DenseCRF(image)
    for seed in range(3):
        energies = energies_of(image, 3, seed + 1)
        np.testing.assert_array_equal(field(energies), dense_crf(image, energies))


@pytest.mark.parametrize('columns', [1, 7, 79])
def test_many_labels_in_parts(monkeypatch, columns):
    image = picture(10, 12)
    energies = energies_of(image, 40)
    wanted = dense_crf(image, energies)
    monkeypatch.setattr(module, '_COLUMNS', columns)
    np.testing.assert_allclose(dense_crf(image, energies), wanted, atol=1e-6)


def test_tensors_and_arrays():
    image = picture()
    energies = energies_of(image, 3)
    found = dense_crf(image, torch.from_numpy(energies).double())
    assert found.dtype == torch.float32
    np.testing.assert_array_equal(found, dense_crf(image, energies))
    assert dense_crf(image, energies.astype(np.float16)).dtype == np.float32


@pytest.mark.parametrize('order', [(1, 0, 2, 3), (0, 2, 3, 1), (3, 2, 1, 0)])
def test_any_layout_of_energies(order):
    image = picture()
    energies = torch.from_numpy(energies_of(image, 3))
    # the same values, which lie in another order
    back = [order.index(n) for n in range(4)]
    other = energies.permute(order).contiguous().permute(back)
    wanted = dense_crf(image, energies)
    torch.testing.assert_close(dense_crf(image, other), wanted, rtol=0, atol=0)
    np.testing.assert_array_equal(dense_crf(image, other.numpy()), wanted)


def test_nothing_given_is_written():
    image = picture()
    image.flags.writeable = False
    energies = energies_of(image, 2)
    before = energies.copy()
    dense_crf(image, energies)
    given = torch.from_numpy(energies)
    dense_crf(image, given)
    np.testing.assert_array_equal(given, before)


@pytest.mark.parametrize('shape', [(1, 1), (7, 9)])
def test_a_picture_of_one_colour(shape):
    """One lattice point, or few."""
    image = np.full((*shape, 3), 77, np.uint8)
    energies = energies_of(image, 2)
    found = dense_crf(image, energies)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-5)


def test_one_label():
    np.testing.assert_array_equal(dense_crf(picture(), np.ones((2, 1, 24, 32))), 1)


def test_no_field():
    assert dense_crf(picture(), np.zeros((0, 2, 24, 32))).shape == (0, 2, 24, 32)


def test_two_hundred_labels():
    image = picture(12, 16)
    assert_as_the_library(image, 200)


def test_a_long_strip():
    strip = np.random.default_rng(0).integers(0, 256, (50, 20_000, 3), np.uint8)
    found = dense_crf(strip, energies_of(strip, 2, 1), CRFSettings(steps=1))
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-5)


@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_energies_that_are_no_numbers_name_their_field(value):
    energies = energies_of(picture(), 2, 3)
    energies[1, 0, 5, 6] = value
    with pytest.raises(ValueError, match=r'^the energies of the fields \[1\] have NaN or inf'):
        dense_crf(picture(), energies)


@pytest.mark.parametrize(
    'shape', [(2, 24, 32), (1, 2, 24, 31), (1, 2, 32, 24), (1, 1, 2, 24, 32), (2, 0, 24, 32)]
)
def test_energies_of_another_shape(shape):
    with pytest.raises(
        ValueError, match=r'^energies must be \(F, N, 24, 32\), N at least 1, but got \('
    ):
        dense_crf(picture(), np.zeros(shape, np.float32))


@pytest.mark.parametrize('image', [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)])
def test_images_that_are_none(image):
    with pytest.raises(ValueError, match=r'^the image must be uint8 \(H, W, 3\), but is'):
        DenseCRF(image)


def test_an_image_without_pixels():
    with pytest.raises(ValueError, match=r'^the image has no pixels; its shape is \(0, 4, 3\)'):
        dense_crf(np.zeros((0, 4, 3), np.uint8), np.zeros((1, 2, 0, 4), np.float32))


GB = 10**9


@pytest.mark.parametrize('number', [(2, 3), (1, 1), (2, 200), (0, 2)])
@pytest.mark.parametrize('size', [(6000, 8000), (50, 20_000), (3, 1), (1, 70_000)])
@pytest.mark.parametrize('share', [0.9, 0.3, 0.001])
def test_the_size_that_would_fit_fits(number, size, share):
    needed = memory_of_fields(*number, *size)
    check_memory(*number, *size, needed)
    with pytest.raises(MemoryError, match=r'would fit\. Make the picture') as error:
        check_memory(*number, *size, int(share * needed))
    named = [int(n) for n in re.findall(r'(\d+) x (\d+) px', str(error.value))[1][::-1]]
    assert named[0] <= size[0]
    assert named[1] <= size[1]
    if named != [1, 1]:
        assert memory_of_fields(*number, *named) <= share * needed
    # and hardly more would
    if min(named) > 20:
        assert memory_of_fields(*number, *(n + 2 for n in named)) > share * needed


def test_memory_that_does_not_suffice():
    image, energies = picture(), energies_of(picture(), 3)
    needed = memory_of_fields(2, 3, 24, 32)
    np.testing.assert_array_equal(
        dense_crf(image, energies, free=needed), dense_crf(image, energies)
    )
    with pytest.raises(MemoryError, match=r'^the dense CRF of a picture of 32 x 24 px takes'):
        dense_crf(image, energies, free=needed - 1)
    # less than nothing is free where a control group is full
    message = (
        r'6000 px takes about 23,328\.0 MB \(fields: 2, labels: 3\), but 0\.0 MB are free; 1 x 1'
    )
    with pytest.raises(MemoryError, match=message):
        check_memory(2, 3, 6000, 8000, -GB)


def test_a_kernel_too_narrow_for_the_picture():
    image = np.random.default_rng(0).integers(0, 256, (5, 5000, 3), np.uint8)
    with pytest.raises(ValueError, match='reach too far'):
        DenseCRF(image, CRFSettings(bilateral_xy=0.001, bilateral_rgb=0.001))


@pytest.mark.gpu
def test_on_a_gpu():
    image = picture(200, 300)
    energies = energies_of(image, 3)
    found = dense_crf(image, torch.from_numpy(energies).cuda())
    assert found.is_cuda
    np.testing.assert_allclose(found.cpu(), dense_crf(image, energies), atol=1e-4)
