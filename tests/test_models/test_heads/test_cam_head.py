import pytest
import torch

from qaclims_mm.registry import MODELS

HEAD = dict(type='CAMHead', in_channels=6, num_classes=3)


@pytest.mark.parametrize('in_index', [-1, 0])
def test_logits_are_weighted_sums_of_channels(in_index):
    head = MODELS.build(HEAD | dict(in_index=in_index))
    stages = [torch.randn(2, 6, 4, 5), torch.randn(2, 6, 4, 5)]
    logits = head(stages)
    weight = head.conv.weight[..., 0, 0]
    expected = torch.einsum('kc,bchw->bkhw', weight, stages[in_index])
    torch.testing.assert_close(logits, expected)
    torch.testing.assert_close(head(stages[in_index]), expected)


def test_state_dict_round_trip():
    head, other = MODELS.build(HEAD), MODELS.build(HEAD)
    other.load_state_dict(head.state_dict())
    x = torch.randn(1, 6, 2, 2)
    assert torch.equal(head(x), other(x))
    assert set(head.state_dict()) == {'conv.weight'}
