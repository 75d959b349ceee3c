import numpy as np
import pytest
import torch

from benchmarks import cam_metric
from qaclims_mm.errors import FormatError

CPU = torch.device('cpu')


def test_ways_count_at_these_thresholds(monkeypatch):
    counted = []

    def count_pixels(cams, keys, mask, thresholds):
        assert cams.shape == (2, *mask.shape)
        counted.append(list(thresholds))
        return type('Counts', (), dict(tp=np.zeros((21, len(thresholds)))))

    monkeypatch.setattr(cam_metric, 'count_pixels', count_pixels)
    one_pass, one, *_, passes = cam_metric.build('tiny', CPU).ways.values()
    one_pass()
    assert counted[0] == pytest.approx([k / 100 for k in range(1, 100)])
    del counted[1:]
    one()
    assert counted[1] == pytest.approx([0.15])
    del counted[1:]
    passes()
    # two images at each threshold
    assert [t for (t,) in counted[1:]] == pytest.approx(np.repeat(counted[0], 2).tolist())


def test_another_count_is_refused():
    case = cam_metric.build('tiny', CPU)
    results = [way() for way in case.ways.values()]
    case.check(results)
    assert len(results) >= 4
    for other in results[2:]:
        other[0][1, 7] -= 1
        with pytest.raises(FormatError, match=r'^one pass counts other pixels'):
            case.check(results)
        other[0][1, 7] += 1
    results[0][1][2, 50] += 1
    with pytest.raises(FormatError, match=r'^one pass counts other pixels'):
        case.check(results)
