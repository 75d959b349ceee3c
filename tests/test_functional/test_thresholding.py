import numpy as np
import pytest
import torch

from qaclims_mm.functional.thresholding import foreground_adaptive_threshold


@pytest.mark.parametrize('omega', [0.0, 0.1, 0.5, 1.0])
def test_equals_a_loop_over_maps_and_pixels(omega):
    cams = torch.rand(3, 2, 4, 5)
    cams[1, 1] = 0
    mask = foreground_adaptive_threshold(cams, omega)
    for index in np.ndindex(3, 2):
        peak = max(v for row in cams[index].tolist() for v in row)
        expected = [[float(v >= omega * peak) for v in row] for row in cams[index].tolist()]
        assert mask[index].tolist() == expected


def test_zero_map_is_kept_whole_and_mask_has_no_gradient():
    cams = torch.zeros(1, 3, 3, requires_grad=True)
    mask = foreground_adaptive_threshold(cams, 0.3)
    assert (mask == 1).all()
    assert not mask.requires_grad


@pytest.mark.parametrize('omega', [-0.1, 1.5])
def test_omega_out_of_range(omega):
    with pytest.raises(ValueError, match=rf'omega must be in \[0, 1\], but got {omega}'):
        foreground_adaptive_threshold(torch.zeros(1, 2, 2), omega)


def test_too_few_dimensions():
    with pytest.raises(ValueError, match=r'cams must be \(..., H, W\)'):
        foreground_adaptive_threshold(torch.zeros(3))


@pytest.mark.goldens
def test_goldens(goldens_dir):
    golden = np.load(goldens_dir / 'fat.npz')
    omegas = [name.removeprefix('mask_') for name in golden if name.startswith('mask_')]
    assert omegas
    for omega in omegas:
        mask = foreground_adaptive_threshold(torch.tensor(golden['x']), float(omega))
        np.testing.assert_array_equal(mask, golden[f'mask_{omega}'])
