import numpy as np
import pytest
import torch

from qaclims_mm.functional.sharpness import prompt_sharpness


def naive(logits, present):
    variances, means = [], []
    for row, classes in zip(logits, present, strict=True):
        if classes.sum() < 2:
            continue
        shares = np.exp(row - row.max())
        shares = shares / shares.sum()
        own = [share for share, is_there in zip(shares, classes, strict=True) if is_there]
        variances.append(np.var(own))
        means.append(np.mean(own))
    return sum(variances) / sum(means)


@pytest.mark.parametrize('seed', range(3))
def test_equals_a_loop(seed):
    random = torch.Generator().manual_seed(seed)
    logits = 5 * torch.randn(6, 4, generator=random)
    present = torch.rand(6, 4, generator=random) > 0.4
    present[0] = False
    found = prompt_sharpness(logits, present)
    wanted = naive(logits.double().numpy(), present.numpy())
    assert found.item() == pytest.approx(wanted, rel=1e-12)


def test_a_prompt_that_lets_one_class_win_is_sharper():
    present = torch.tensor([[True, True, False]])
    wins = torch.tensor([[9.0, 2.0, 0.0]])
    shares = torch.tensor([[9.0, 8.0, 0.0]])
    assert prompt_sharpness(wins, present) > 4 * prompt_sharpness(shares, present)
    assert prompt_sharpness(torch.full((1, 3), 4.0), present) == 0


def test_errors():
    with pytest.raises(ValueError, match=r'the same shape \(B, K\), but got \(2, 3\) and \(3, 2\)'):
        prompt_sharpness(torch.zeros(2, 3), torch.zeros(3, 2, dtype=torch.bool))
    with pytest.raises(ValueError, match='no image has two classes'):
        prompt_sharpness(torch.zeros(2, 3), torch.eye(2, 3, dtype=torch.bool))
