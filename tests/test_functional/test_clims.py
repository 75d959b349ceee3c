import math
from functools import partial

import numpy as np
import pytest
import torch
from contracts import unit

from qaclims_mm.functional.clims import (
    background_suppression,
    background_text_matching,
    object_text_matching,
)

MATCHING = {'otm': object_text_matching, 'btm': background_text_matching}
each_matching = pytest.mark.parametrize('matching', MATCHING.values(), ids=MATCHING)


def at_cosine(*cosines, dtype=torch.float64):
    """Return regions of norm 3 and one text, whose cosines are these."""
    c = torch.tensor(cosines, dtype=dtype)
    region = 3 * torch.stack([c, (1 - c * c).clamp(min=0).sqrt()], dim=-1)
    return region, torch.tensor([[1.0, 0.0]], dtype=dtype).expand(len(cosines), 2)


def naive_cosine(x, text):
    norm = math.sqrt(sum(v * v for v in x))
    return sum(a * b for a, b in zip(x, text, strict=True)) / norm


def naive_matching(region, text):
    """The released SimMaxLoss and SimMinLoss, one pair after the other."""
    otm, btm = [], []
    for x, t in zip(region.tolist(), text.tolist(), strict=True):
        s = min(max(naive_cosine(x, t), 0.0001), 0.9999)
        otm.append(-math.log(s))
        btm.append(-math.log(1 - s))
    return otm, btm


def naive_suppression(region, bg_text, valid, threshold):
    """The released BackgroundSuppressionLoss, one pair and text after the other."""
    losses = []
    for x, texts, exist in zip(region.tolist(), bg_text.tolist(), valid.tolist(), strict=True):
        loss = 0.0
        for text, exists in zip(texts, exist, strict=True):
            if exists and naive_cosine(x, text) > threshold:
                loss -= math.log(1 - min(naive_cosine(x, text), 0.9999))
        losses.append(loss)
    return losses


def test_matching_equals_a_naive_loop():
    region, text = 3 * unit(40, 4), unit(40, 4, seed=1)
    otm, btm = naive_matching(region, text)
    # cosines of either sign, so that the lower clamp is met
    assert 5 < sum(loss == -math.log(0.0001) for loss in otm) < 35
    np.testing.assert_allclose(object_text_matching(region, text, 'none'), otm, rtol=1e-12)
    np.testing.assert_allclose(background_text_matching(region, text, 'none'), btm, rtol=1e-12)


@pytest.mark.parametrize('threshold', [-1.0, 0.0, 0.26, 0.9])
def test_suppression_equals_a_naive_loop(threshold):
    region, bg_text = 3 * unit(6, 4), unit(6, 5, 4, seed=1)
    valid = torch.rand(6, 5, generator=torch.Generator().manual_seed(0)) > 0.3
    found = background_suppression(region, bg_text, valid, threshold, 'none')
    expected = naive_suppression(region, bg_text, valid, threshold)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    assert any(expected) or threshold == 0.9


@each_matching
def test_reductions_of_matching(matching):
    args = unit(3, 8), unit(3, 8, seed=1)
    single = matching(*args, 'none')
    assert single.shape == (3,)
    torch.testing.assert_close(matching(*args, 'sum'), single.sum())
    torch.testing.assert_close(matching(*args, 'mean'), single.mean())
    assert matching(torch.zeros(0, 8), torch.zeros(0, 8)) == 0


def test_reductions_of_suppression():
    region, bg_text = unit(3, 4), unit(3, 5, 4, seed=1)
    valid = torch.ones(3, 5, dtype=torch.bool)
    valid[1] = False
    reduce = partial(background_suppression, region, bg_text, valid, 0.0)
    single = reduce('none')
    assert single[1] == 0
    assert (single[[0, 2]] > 0).all()
    torch.testing.assert_close(reduce('sum'), single.sum())
    # a pair without a text is not counted
    torch.testing.assert_close(reduce('mean'), single.sum() / 2)
    assert background_suppression(torch.zeros(0, 4), torch.zeros(0, 5, 4)) == 0
    assert background_suppression(region, bg_text[:, :0]) == 0


def test_gradients():
    region, text, bg_text = unit(3, 4), unit(3, 4, seed=1).abs(), unit(3, 5, 4, seed=2)
    region = region.abs().requires_grad_()
    for loss in (
        partial(object_text_matching, text=text),
        partial(background_text_matching, text=text),
        partial(background_suppression, bg_text=bg_text, threshold=0.1),
    ):
        assert torch.autograd.gradcheck(loss, (region,))


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize('cosine', [-1.0, -1e-4, 0.0, 1e-4, 1 - 1e-4, 1 - 1e-7, 1.0])
def test_finite_at_the_clamps(cosine, dtype):
    region, text = at_cosine(cosine, dtype=dtype)
    for loss in (*MATCHING.values(), partial(background_suppression, threshold=-2.0)):
        x = region.clone().requires_grad_()
        value = loss(x, text if loss in MATCHING.values() else text[:, None])
        value.backward()
        assert value.isfinite()
        assert abs(value) <= -math.log(1e-4) + 1e-2
        assert x.grad.isfinite().all()


def test_region_that_is_nothing():
    """A map at 0 leaves a picture of one colour, and an encoder may give it no direction."""
    region = torch.zeros(1, 4, requires_grad=True)
    text = torch.eye(4)[:1]
    sum(f(region, text) for f in MATCHING.values()).backward()
    assert region.grad.isfinite().all()


def test_what_lowers_each_loss():
    near, text = at_cosine(0.8)
    far, _ = at_cosine(0.3)
    assert object_text_matching(near, text) < object_text_matching(far, text)
    assert background_text_matching(near, text) > background_text_matching(far, text)
    assert background_suppression(near, text[:, None]) > background_suppression(far, text[:, None])
    # what is at the threshold or below it teaches nothing
    assert background_suppression(far, text[:, None], threshold=0.31) == 0


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    region, text, bg_text = (x.to(dtype) for x in (unit(9, 64), unit(9, 64), unit(9, 5, 64)))
    for loss, texts in ((object_text_matching, text), (background_suppression, bg_text)):
        expected = loss(region.double(), texts.double())
        for autocast in (False, True):
            with torch.autocast('cpu', dtype, enabled=autocast):
                found = loss(region, texts)
            assert found.dtype == torch.float32
            torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-4)


def test_refusals():
    region, text, bg_text = unit(3, 8), unit(3, 8), unit(3, 5, 8)
    for matching in MATCHING.values():
        with pytest.raises(ValueError, match='texts of another CLIP have another D'):
            matching(region, text[:, :4])
        with pytest.raises(ValueError, match=r"reduction must be one of .* but got 'all'"):
            matching(region, text, 'all')
    with pytest.raises(ValueError, match=r'bg_text must be \(3, N, 8\), but got \(3, 5, 4\)'):
        background_suppression(region, bg_text[..., :4])
    with pytest.raises(ValueError, match=r'bg_valid must be \(3, 5\), but got \(3, 2\)'):
        background_suppression(region, bg_text, torch.ones(3, 2, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"reduction must be one of .* but got 'all'"):
        background_suppression(region, bg_text, reduction='all')
