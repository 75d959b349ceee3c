import pytest
import torch

from qaclims_mm.convert.renaming import Rule, count_of, rename, size_of
from qaclims_mm.errors import FormatError

RULES = (
    Rule(r'old\..+', None),
    Rule(r'(?:a|b)\.(.+)', r'ours.\1'),
    Rule(r'layer(\d)\.(.+)', lambda m: f'stages.{int(m[1]) - 1}.{m[2]}'),
    Rule(r'a\.never', 'not reached'),
)


def test_names():
    weights = {n: torch.rand(2) for n in ('a.x', 'layer3.y', 'old.z', 'old.w', 'a.never', 'new')}
    renamed = rename(weights, RULES, 'f')
    assert {n: v.data_ptr() for n, v in renamed.state.items()} == {
        'ours.x': weights['a.x'].data_ptr(),
        'stages.2.y': weights['layer3.y'].data_ptr(),
        'ours.never': weights['a.never'].data_ptr(),
    }
    assert renamed.ignored == {r'old\..+': 2}
    assert list(renamed.unexpected) == ['new']


def test_the_whole_name_must_match():
    assert list(rename({'a.': torch.ones(1), 'xa.b': torch.ones(1)}, RULES, 'f').unexpected) == [
        'a.',
        'xa.b',
    ]


def test_two_names_of_one_weight():
    state = {'a.x': torch.ones(2), 'b.x': torch.ones(2)}
    assert list(rename(state, RULES, 'f').state) == ['ours.x']


@pytest.mark.parametrize('other', [torch.tensor([1.0, 1.1]), torch.ones(3), torch.ones(2, 1)])
def test_two_names_that_differ(other):
    state = {'a.x': torch.ones(2), 'a.y': torch.ones(1), 'b.y': torch.ones(1), 'b.x': other}
    with pytest.raises(FormatError, match=r'^1 weight has two names in f\.pth, with values that d'):
        rename(state, RULES, 'f.pth')
    with pytest.raises(FormatError, match=r'\n  a\.x and b\.x\n'):
        rename(state, RULES, 'f.pth')


def test_sizes():
    state = {
        'w': torch.zeros(3, 5),
        'l.0.w': torch.zeros(()),
        'l.0.b': torch.zeros(()),
        'l.12.w': 0,
    }
    assert size_of(state, 'w', 1, 9) == 5
    assert size_of(state, 'w', 2, 9) == 9
    assert size_of(state, 'absent', 0, 9) == 9
    assert count_of(state, r'l\.(\d+)\.') == 2
