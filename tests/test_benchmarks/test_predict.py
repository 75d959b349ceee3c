import numpy as np
import pytest
import torch

from benchmarks import predict
from qaclims_mm.errors import FormatError


def test_both_ways_make_the_same_masks():
    case = predict.build('tiny', torch.device('cpu'))
    results = [way() for way in case.ways.values()]
    assert [len(masks) for masks in results] == [4, 4]
    assert results[0][0].shape == (96, 112)
    case.check(results)
    # again, into a new folder
    assert len(case.ways['predict']()) == 4
    wrong = [results[0][0] + 1, *results[0][1:]]
    with pytest.raises(FormatError, match='of the pixels of a mask differ'):
        case.check([wrong, results[1]])
    assert np.unique(results[0][0]).size > 1
