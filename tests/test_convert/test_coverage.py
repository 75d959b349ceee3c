from collections import Counter

import pytest
import torch

from qaclims_mm.convert.coverage import cover, states_of
from qaclims_mm.convert.renaming import Renamed
from qaclims_mm.errors import FormatError

HEAD = dict(type='CAMHead', in_channels=4, num_classes=3)
WANTED = {
    'w': torch.zeros(2, 3, device='meta'),
    'bn.running_mean': torch.zeros(2, device='meta'),
    'bn.num_batches_tracked': torch.zeros((), dtype=torch.int64, device='meta'),
}


def state(**changes):
    found = {'bn.running_mean': torch.ones(2), 'w': torch.rand(2, 3)} | changes
    return {k: v for k, v in found.items() if v is not None}


def test_states_need_no_memory():
    assert {k: (tuple(v.shape), v.is_meta) for k, v in states_of(HEAD).items()} == {
        'conv.weight': ((3, 4, 1, 1), True)
    }


def test_all_fits():
    seen = []
    renamed = Renamed(state(), Counter({'fc': 2}))
    found = cover('f.pth', WANTED, renamed, seen.append)
    assert list(found) == list(WANTED)
    assert torch.equal(found['w'], renamed.state['w'])
    assert found['bn.num_batches_tracked'].item() == 0
    [coverage] = seen
    assert (coverage.used, coverage.zeros, coverage.wanted) == (2, 1, 3)
    assert coverage.ignored == {'fc': 2}
    assert coverage.missing == coverage.unexpected == coverage.reshaped == ()


def test_a_counter_that_is_there_stays():
    found = cover('f', WANTED, Renamed(state(**{'bn.num_batches_tracked': torch.tensor(7)})))
    assert found['bn.num_batches_tracked'].item() == 7


@pytest.mark.parametrize('dtype', [torch.float16, torch.float32, torch.float64])
def test_as_they_are_stored(dtype):
    source = torch.rand(4, 6).to(dtype)
    found = cover('f', WANTED, Renamed(state(w=source[:2, ::2])))['w']
    assert found.dtype == torch.float32
    assert found.is_contiguous()
    assert torch.equal(found, source[:2, ::2].float())
    assert found.data_ptr() != source.data_ptr()
    assert found.untyped_storage().nbytes() == 6 * 4


@pytest.mark.parametrize(
    ('changes', 'unexpected', 'lines'),
    [
        (dict(w=None), {}, ['missing (1): w', 'what w is']),
        # a counter does not stand in for its normalisation
        (
            {'bn.running_mean': None},
            {},
            ['missing (2): bn.num_batches_tracked, bn.running_mean'],
        ),
        ({}, {'new': torch.ones(1)}, ['unexpected (1): new']),
        (dict(w=torch.ones(3, 2)), {}, ['of another shape (1): w (3, 2) instead of (2, 3)']),
        (dict(other=torch.ones(1)), {}, ['unexpected (1): other']),
    ],
)
def test_what_does_not_fit(changes, unexpected, lines):
    seen = []
    renamed = Renamed(state(**changes), unexpected=unexpected)
    with pytest.raises(FormatError, match=r'^f\.pth does not fit: ') as raised:
        cover('f.pth', WANTED, renamed, seen.append, {'w': 'what w is'})
    for line in lines:
        assert f'  {line}\n' in str(raised.value)
    assert 'Nothing was written' in str(raised.value)
    [coverage] = seen
    assert coverage.missing or coverage.unexpected or coverage.reshaped
