import math

import pytest
import torch
from test_models.test_classifiers.test_cam_network import TINY, sample

from qaclims_mm.registry import MODELS


def test_loss_is_the_mean_of_soft_margins():
    model = MODELS.build(TINY)
    images = torch.randn(2, 3, 32, 48)
    loss = model(images, [sample([0, 2]), sample([])], mode='loss')['loss_cls']
    scores = model.logits(images).mean((2, 3)).tolist()
    terms = []
    for row, present in zip(scores, ([0, 2], []), strict=True):
        for k, score in enumerate(row):
            sign = 1 if k in present else -1
            terms.append(math.log1p(math.exp(-sign * score)))
    assert loss.item() == pytest.approx(sum(terms) / len(terms), rel=1e-5)


def test_it_learns_what_it_is_shown():
    torch.manual_seed(0)
    model = MODELS.build(TINY)
    images = torch.zeros(2, 3, 32, 32)
    images[0, 0, 8:24, 8:24] = 3
    images[1, 2, 8:24, 8:24] = 3
    samples = [sample([0]), sample([1])]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for _ in range(30):
        loss = model(images, samples, mode='loss')['loss_cls']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]
