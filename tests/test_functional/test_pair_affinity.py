import pytest
import torch

from qaclims_mm.functional.pair_affinity import (
    CellPairs,
    agreeing_attention,
    cell_pairs,
    pair_affinity_loss,
)

RANDOM = torch.Generator().manual_seed(0)


def naive_pairs(labels, radius):
    """{(image, i, j): same?} of all pairs that count."""
    found, (images, height, width) = {}, labels.shape
    for b in range(images):
        for i in range(height * width):
            for j in range(height * width):
                (y, x), (v, u) = divmod(i, width), divmod(j, width)
                one, other = labels[b, y, x].item(), labels[b, v, u].item()
                if max(abs(y - v), abs(x - u)) <= radius and 255 not in (one, other):
                    found[b, i, j] = one == other
    return found


@pytest.mark.parametrize('radius', [0, 1, 2, 9])
def test_pairs_and_loss_equal_loops(radius):
    labels = torch.randint(0, 3, (2, 4, 3), generator=RANDOM)
    labels[0, 1, 1] = 255
    pairs, wanted = cell_pairs(labels, radius), naive_pairs(labels, radius)
    assert int(pairs.same.sum() + pairs.parted.sum()) == len(wanted)
    assert all(bool(pairs.same[key]) == equal for key, equal in wanted.items())
    assert all(bool(pairs.parted[key]) != equal for key, equal in wanted.items())
    affinity = torch.rand(2, 12, 12, generator=RANDOM, dtype=torch.float64)
    together = [1 - affinity[key].item() for key, equal in wanted.items() if equal]
    apart = [affinity[key].item() for key, equal in wanted.items() if not equal]
    loss = sum(together) / (len(together) + 1) / 2 + sum(apart) / (len(apart) + 1) / 2
    assert pair_affinity_loss(affinity, pairs).item() == pytest.approx(loss, rel=1e-9)


def test_half_precision_is_summed_in_float32():
    pairs = cell_pairs(torch.zeros(1, 30, 30, dtype=torch.long), 29)
    affinity = torch.full((1, 900, 900), 0.5, dtype=torch.bfloat16)
    found = pair_affinity_loss(affinity, pairs)
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(0.25, abs=1e-5)


def test_without_pairs_there_is_no_loss():
    nothing = torch.zeros(1, 4, 4, dtype=torch.bool)
    assert pair_affinity_loss(torch.rand(1, 4, 4), CellPairs(nothing, nothing)) == 0


def test_the_loss_drives_an_affinity_to_its_labels():
    labels = torch.tensor([[[0, 1], [0, 1]]])
    logits = torch.zeros(1, 4, 4, requires_grad=True)
    pair_affinity_loss(logits.sigmoid(), cell_pairs(labels, 1)).backward()
    same = labels.flatten()[:, None] == labels.flatten()[None]
    assert (logits.grad[0][same] < 0).all()
    assert (logits.grad[0][~same] > 0).all()


def test_attention_equals_a_loop_over_blocks():
    attention = torch.rand(2, 4, 5, 5, generator=RANDOM, dtype=torch.float64)
    affinity = torch.rand(2, 5, 5, generator=RANDOM, dtype=torch.float64)
    found = agreeing_attention(attention, affinity)
    for b in range(2):
        sums = [(affinity[b] - block).sum().item() for block in attention[b]]
        chosen = [i for i, s in enumerate(sums) if s <= sum(sums) / len(sums)]
        assert 0 < len(chosen) < 4
        mean = sum(attention[b, i] for i in chosen) / len(chosen)
        torch.testing.assert_close(found[b], mean * affinity[b])


def test_blocks_that_are_alike_all_count():
    block = torch.rand(1, 1, 5, 5, generator=RANDOM)
    affinity = torch.rand(1, 5, 5, generator=RANDOM)
    found = agreeing_attention(block.expand(1, 3, 5, 5), affinity)
    torch.testing.assert_close(found, block[:, 0] * affinity)
