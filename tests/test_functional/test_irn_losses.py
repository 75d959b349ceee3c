import math

import pytest
import torch

from qaclims_mm.functional.irn_losses import affinity_labels, irn_losses, masked_mean
from qaclims_mm.functional.irn_walk import PathIndex, edge_to_affinity

SIZE, RADIUS, CLASSES = (7, 11), 3, 300


def drawn(seed=0):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, (2, *SIZE), generator=generator) * (CLASSES // 2)
    labels[torch.rand(labels.shape, generator=generator) < 0.2] = 255
    edge = torch.randn(2, 1, *SIZE, generator=generator, dtype=torch.float64)
    return labels, edge, torch.randn(2, 2, *SIZE, generator=generator, dtype=torch.float64)


def pairs_of(index):
    """Yield (path, source, its cell, the other cell) of every pair."""
    for d, end in enumerate(index.search_dst.tolist()):
        for n, source in enumerate(index.src_indices.tolist()):
            y, x = divmod(source, SIZE[1])
            yield d, n, (y, x), (y + end[0], x + end[1])


def test_labels_against_a_naive_loop():
    labels, _, _ = drawn()
    index = PathIndex(RADIUS, SIZE)
    got = affinity_labels(labels, index)
    seen = set()
    for b in range(2):
        for d, n, here, there in pairs_of(index):
            one, other = labels[b][here].item(), labels[b][there].item()
            sure = 255 not in (one, other)
            wanted = (
                sure and one == other == 0,
                sure and one == other and one != 0,
                sure and one != other,
            )
            assert tuple(mask[b, d, n].item() for mask in got) == wanted
            seen.add(wanted)
    assert len(seen) == 4


def test_losses_against_a_naive_loop():
    labels, edge, displacement = drawn()
    index = PathIndex(RADIUS, SIZE)
    masks = affinity_labels(labels, index)
    affinity = edge_to_affinity(edge.sigmoid(), index)
    terms = {k: [] for k in ('bg_pos', 'fg_pos', 'neg', 'fg', 'bg')}
    for b in range(2):
        for d, n, here, there in pairs_of(index):
            a = affinity[b, d, n].item()
            moved = [(displacement[b, k][here] - displacement[b, k][there]).item() for k in (0, 1)]
            if masks.bg_pos[b, d, n]:
                terms['bg_pos'].append(-math.log(a + 1e-5))
                terms['bg'] += [abs(m) for m in moved]
            if masks.fg_pos[b, d, n]:
                terms['fg_pos'].append(-math.log(a + 1e-5))
                ends = index.search_dst[d].tolist()
                terms['fg'] += [abs(m - e) for m, e in zip(moved, ends, strict=True)]
            if masks.neg[b, d, n]:
                terms['neg'].append(-math.log(1 + 1e-5 - a))
    mean = {k: sum(v) / len(v) for k, v in terms.items()}
    got = irn_losses(edge, displacement, masks, index)
    wanted = dict(
        loss_positive=(mean['bg_pos'] + mean['fg_pos']) / 4,
        loss_negative=mean['neg'] / 2,
        loss_displacement_fg=mean['fg'] / 2,
        loss_displacement_bg=mean['bg'] / 2,
    )
    assert {k: v.item() for k, v in got.items()} == pytest.approx(wanted, rel=1e-4)


def test_ranks_that_share_their_counts_average_to_the_whole():
    labels, edge, displacement = drawn()
    # the second rank has fewer pairs
    labels[1, :, 4:] = 255
    index = PathIndex(RADIUS, SIZE)
    whole = irn_losses(edge, displacement, affinity_labels(labels, index), index)
    masks = [affinity_labels(one, index) for one in labels.split(1)]
    shared = sum(torch.stack([m.sum() for m in mask]).float() for mask in masks) / 2
    counts, halves = [], []
    for rank in range(2):

        def average(own):
            counts.append(own)
            return shared

        one = slice(rank, rank + 1)
        halves.append(irn_losses(edge[one], displacement[one], masks[rank], index, average))
    torch.testing.assert_close(sum(counts) / 2, shared)
    for name, loss in whole.items():
        torch.testing.assert_close((halves[0][name] + halves[1][name]) / 2, loss)


def test_nothing_but_unsure_cells_costs_nothing():
    _, edge, displacement = drawn()
    index = PathIndex(RADIUS, SIZE)
    masks = affinity_labels(torch.full((2, *SIZE), 255), index)
    losses = irn_losses(edge.requires_grad_(), displacement, masks, index)
    total = sum(losses.values())
    assert total.item() == 0
    total.backward()
    assert edge.grad.isfinite().all()


def test_masked_mean_of_nothing():
    assert masked_mean(torch.ones(3), torch.zeros(3, dtype=torch.bool)).item() == 0
