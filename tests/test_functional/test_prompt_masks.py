import numpy as np
import pytest
import torch

from qaclims_mm.functional.prompt_masks import (
    MERGES,
    find_unusable,
    fuse_with_maps,
    keep_supported,
    merge_prompts,
    suppress_background,
)


def merge_by_hand(masks, scores, rows, merge):
    """Merge pixel by pixel, from the definition."""
    merged = np.zeros((len(rows), *masks.shape[1:]))
    for k, texts in enumerate(rows):
        best = max(scores[t] for t in texts)
        for y, x in np.ndindex(masks.shape[1:]):
            weights = [scores[t] / best if best else 0.0 for t in texts]
            values = [masks[t, y, x] for t in texts]
            pairs = list(zip(weights, values, strict=True))
            if merge == 'max':
                merged[k, y, x] = max(w * v for w, v in pairs)
            elif merge == 'mean':
                merged[k, y, x] = sum(w * v for w, v in pairs) / max(sum(weights), 1e-30)
            else:
                merged[k, y, x] = 1 - np.prod([1 - w * v for w, v in pairs])
    return merged


@pytest.mark.parametrize('merge', MERGES)
def test_merging_is_that_of_its_definition(merge):
    rng = np.random.default_rng(0)
    masks, scores = rng.random((5, 3, 4), np.float32), rng.random(5, np.float32)
    rows = [[0], [1, 2, 4], [2, 3]]
    merged, total = merge_prompts(torch.from_numpy(masks), torch.from_numpy(scores), rows, merge)
    np.testing.assert_allclose(merged, merge_by_hand(masks, scores, rows, merge), atol=1e-6)
    assert ((merged >= 0) & (merged <= 1)).all()
    parts = [scores[r] for r in rows]
    rule = dict(max=np.max, mean=np.mean, noisy_or=lambda s: 1 - np.prod(1 - s))[merge]
    np.testing.assert_allclose(total, [rule(p) for p in parts], atol=1e-6)


@pytest.mark.parametrize('merge', MERGES)
def test_a_single_prompt_keeps_its_mask_whatever_its_score(merge):
    masks = torch.rand(1, 3, 4)
    for score in (1e-6, 0.5, 1.0):
        merged, total = merge_prompts(masks, torch.tensor([score]), [[0]], merge)
        torch.testing.assert_close(merged, masks)
        torch.testing.assert_close(total, torch.tensor([score]))


@pytest.mark.parametrize('merge', MERGES)
def test_scores_of_zero_give_masks_of_zero(merge):
    merged, total = merge_prompts(torch.rand(2, 3, 4), torch.zeros(2), [[0, 1]], merge)
    assert not merged.any()
    assert not total.any()


def test_no_classes_and_wrong_options():
    merged, total = merge_prompts(torch.rand(2, 3, 4), torch.rand(2), [])
    assert merged.shape == (0, 3, 4)
    assert total.shape == (0,)
    with pytest.raises(ValueError, match=r"merge must be one of .*, but got 'min'"):
        merge_prompts(torch.rand(1, 3, 4), torch.rand(1), [[0]], 'min')
    with pytest.raises(ValueError, match=r'each class must have a text, but got \[\[0\], \[\]\]'):
        merge_prompts(torch.rand(1, 3, 4), torch.rand(1), [[0], []])


def test_classes_that_cannot_be_right():
    masks = torch.zeros(5, 10, 10)
    masks[0, :3] = 0.9
    masks[2] = 0.9
    masks[3, :3] = 0.9
    masks[4, 0, 0] = 0.9
    scores = torch.tensor([0.9, 0.9, 0.9, 0.1, 0.9])
    found = find_unusable(masks, scores, min_score=0.2, min_area=0.02, max_area=0.8)
    assert found == [
        '',
        'not found (score 0.90, 0.0 % of the image)',
        'found nearly everywhere (100.0 % of the image)',
        'not found (score 0.10, 30.0 % of the image)',
        'not found (score 0.90, 1.0 % of the image)',
    ]
    # without bounds only an empty mask is unusable
    found = find_unusable(masks, scores, min_score=0, min_area=0, max_area=1)
    assert [bool(f) for f in found] == [False, True, False, False, False]
    assert find_unusable(torch.zeros(0, 4, 4), torch.zeros(0), 0.2, 0.02, 0.8) == []


def test_background_lowers_only_where_it_is_more_probable_and_the_map_is_silent():
    masks = torch.tensor([[[0.6, 0.6, 0.0, 0.6]]])
    background = torch.tensor([[0.5, 0.9, 1.0, 0.9]])
    maps = torch.tensor([[[0.0, 0.1, 0.0, 0.15]]])
    lowered = suppress_background(masks, background, maps, 0.15)
    torch.testing.assert_close(lowered, torch.tensor([[[0.6, 0.06, 0.0, 0.6]]]))
    assert torch.equal(suppress_background(masks, torch.zeros(1, 4), maps, 1.0), masks)
    assert torch.equal(suppress_background(masks, background, maps, 0.0), masks)


def test_parts_that_the_map_does_not_show_are_dropped():
    masks, maps = torch.zeros(2, 6, 9), torch.zeros(2, 6, 9)
    masks[0, 1:4, 1:4] = 0.9
    masks[0, 1:4, 6:8] = 0.8
    masks[0, 5, 0] = 0.4  # below 0.5 it is no part
    maps[0, 2, 2] = 0.6  # one pixel is enough
    maps[0, 2, 7] = 0.1
    masks[1, 0, 0] = 0.7
    kept = keep_supported(masks, maps, 0.3)
    assert torch.equal(kept[0, :, :5], masks[0, :, :5])
    assert not kept[0, :, 6:8].any()
    # a map of zeros shows nothing less than any other
    assert torch.equal(kept[1], masks[1])
    assert torch.equal(keep_supported(masks, maps, 0.0), masks)


def test_masks_and_maps_of_other_shapes():
    with pytest.raises(ValueError, match=r'one shape, but got \(1, 3, 3\) and \(1, 3, 4\)'):
        keep_supported(torch.zeros(1, 3, 3), torch.zeros(1, 3, 4), 0.3)
    assert keep_supported(torch.zeros(0, 3, 3), torch.zeros(0, 3, 3), 0.3).shape == (0, 3, 3)


def test_maps_decide_where_masks_overlap():
    masks = torch.ones(2, 1, 2)
    maps = torch.tensor([[[0.9, 0.1]], [[0.2, 0.8]]])
    fused = fuse_with_maps(masks, maps, torch.tensor([True, True]), 0.8)
    assert fused.argmax(0).tolist() == [[0, 1]]
    alone = fuse_with_maps(masks, maps, torch.tensor([True, False]), 0.8)
    torch.testing.assert_close(alone[1], maps[1])
    torch.testing.assert_close(fuse_with_maps(masks, maps, torch.tensor([True, True]), 0.0), maps)
    torch.testing.assert_close(fuse_with_maps(masks, maps, torch.tensor([True, True]), 1.0), masks)
