import pytest
import torch

from benchmarks import dense_crf
from qaclims_mm.errors import FormatError


def test_both_ways_agree():
    pytest.importorskip('pydensecrf')
    case = dense_crf.build('tiny', torch.device('cpu'))
    results = [way() for way in case.ways.values()]
    assert [r.shape for r in results[0]] == [(2, 3, 94, 125)] * 2
    case.check(results)


@pytest.mark.parametrize(
    ('change', 'message'), [(1e-3, '0 labels differ, .* 0.001'), (1, 'differ')]
)
def test_other_probabilities_are_refused(change, message):
    case = dense_crf.build('tiny', torch.device('cpu'))
    ours = next(iter(case.ways.values()))()
    changed = [r.copy() for r in ours]
    changed[1][0, 0] += change
    with pytest.raises(FormatError, match=message):
        case.check([ours, changed])
