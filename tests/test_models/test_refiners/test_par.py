import pytest
import torch
from mmseg.structures import SegDataSample

from qaclims_mm.errors import ConfigError
from qaclims_mm.functional.par import pixel_adaptive_refinement
from qaclims_mm.models.refiners.par import PARRefiner


def sample(maps, **meta):
    made = SegDataSample(metainfo=meta)
    made.set_field(maps, 'cam_high_res')
    return made


def test_maps_are_refined_and_divided_by_their_peak():
    image, maps = torch.rand(3, 8, 9), torch.rand(2, 8, 9)
    refined = pixel_adaptive_refinement(image[None], maps[None], (1, 2), 3)[0]
    for normalise, peak in (
        ('image', refined.amax()),
        ('class', refined.amax((1, 2), keepdim=True)),
    ):
        model = PARRefiner(steps=3, dilations=(1, 2), normalise=normalise)
        [out] = model([[image]], [sample(maps)])
        torch.testing.assert_close(out.refined_maps, refined / peak)


def test_samples_without_maps_or_that_failed_are_passed_on():
    model = PARRefiner()
    empty, failed = sample(torch.zeros(0, 8, 9)), SegDataSample(metainfo=dict(failed='gone'))
    out = model([[torch.rand(3, 8, 9)], [torch.zeros(3, 1, 1)]], [empty, failed])
    assert [len(out[0].refined_maps), out[1].failed] == [0, 'gone']


def test_bad_options():
    with pytest.raises(ValueError, match='PARRefiner only predicts'):
        PARRefiner()([], [], mode='loss')
    with pytest.raises(ValueError, match=r"normalise must be one of .*, but got 'pixel'"):
        PARRefiner(normalise='pixel')
    with pytest.raises(ConfigError, match='steps must be a whole number of at least 0, but got -1'):
        PARRefiner(steps=-1)
    with pytest.raises(ConfigError, match=r'dilations\[1\] must be a whole number of at least 1'):
        PARRefiner(dilations=(1, 0))
