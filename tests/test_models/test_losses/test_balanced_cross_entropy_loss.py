import math

import pytest
import torch

from qaclims_mm.models.losses.balanced_cross_entropy_loss import BalancedCrossEntropyLoss


def naive(logits, label, weight, ignore):
    """Mean of the means of background and foreground, pixel by pixel."""
    found = {'background': [], 'foreground': []}
    for b, y, x in torch.cartesian_prod(*(torch.arange(n) for n in label.shape)).tolist():
        k = int(label[b, y, x])
        if k != ignore:
            scores = [math.exp(v) for v in logits[b, :, y, x].tolist()]
            nats = -math.log(scores[k] / sum(scores)) * float(weight[b, y, x])
            found['background' if k == 0 else 'foreground'].append(nats)
    means = [sum(v) / len(v) for v in found.values() if v]
    return sum(means) / len(means) if means else 0.0


@pytest.mark.parametrize('classes', [[0, 1, 2, 255], [0, 255], [2], [255]])
def test_against_a_naive_loop(classes):
    random = torch.Generator().manual_seed(len(classes))
    logits = torch.randn(2, 3, 4, 5, generator=random)
    label = torch.tensor(classes)[torch.randint(len(classes), (2, 4, 5), generator=random)]
    weight = torch.rand(2, 4, 5, generator=random)
    loss = BalancedCrossEntropyLoss(loss_weight=2.0)
    wanted = naive(logits, label, weight, 255)
    assert loss(logits, label, weight=weight) == pytest.approx(2 * wanted, abs=1e-5)
    wanted = naive(logits, label, torch.ones_like(weight), 255)
    assert loss(logits, label) == pytest.approx(2 * wanted, abs=1e-5)


def test_a_rare_foreground_counts_as_much_as_the_background():
    label = torch.zeros(1, 10, 10, dtype=torch.int64)
    label[0, 0, 0] = 1
    logits = torch.zeros(1, 2, 10, 10, requires_grad=True)
    BalancedCrossEntropyLoss()(logits, label).backward()
    rare, common = logits.grad[0, 1, 0, 0], logits.grad[0, 1].flatten()[1:].sum()
    torch.testing.assert_close(rare, -common)


def test_gradcheck():
    label = torch.tensor([[[0, 1], [255, 2]]])
    logits = torch.randn(1, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    loss = BalancedCrossEntropyLoss()
    assert torch.autograd.gradcheck(lambda x: loss(x, label).double(), logits, atol=1e-3, eps=1e-3)
