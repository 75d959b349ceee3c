import torch

from qaclims_mm.models.refiners.normalise import divide_by_peak


def test_by_image_and_by_class():
    maps = torch.tensor([[[1.0, 2.0]], [[0.0, 4.0]]])
    assert divide_by_peak(maps.clone(), 'image').tolist() == [[[0.25, 0.5]], [[0.0, 1.0]]]
    assert divide_by_peak(maps, 'class').tolist() == [[[0.5, 1.0]], [[0.0, 1.0]]]


def test_a_map_of_zeros_stays():
    assert divide_by_peak(torch.zeros(1, 2, 2), 'class').tolist() == [[[0, 0], [0, 0]]]
