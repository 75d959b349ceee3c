import numpy as np
import pytest

from qaclims_mm.functional.evaluation import activation_errors, count_pixels, iou

THRESHOLDS = np.array([0.0, 0.15, 0.25, 0.5, 0.75, 1.0])
CLASSES = 6


def naive_label(values, keys, threshold):
    """The released rule, a pixel: a background of constant height first, then the argmax."""
    label, best = 0, np.float32(threshold)
    for key, value in zip(keys, values, strict=True):
        if np.float32(value) > best:
            label, best = key + 1, np.float32(value)
    return label


def naive_counts(cams, keys, mask, thresholds, classes=CLASSES, ignore=255):
    tp = np.zeros((classes, len(thresholds)), int)
    pred, gt = np.zeros_like(tp), np.zeros(classes, int)
    for y, x in np.ndindex(mask.shape):
        if mask[y, x] == ignore:
            continue
        gt[mask[y, x]] += 1
        for t, threshold in enumerate(thresholds):
            label = naive_label(cams[:, y, x], keys, threshold)
            pred[label, t] += 1
            tp[label, t] += label == mask[y, x]
    return tp, pred, gt


def dense(counts, classes=CLASSES):
    """Spread the counts of the classes found over all classes."""
    thresholds = counts.tp.shape[1]
    tp, pred = np.zeros((classes, thresholds), int), np.zeros((classes, thresholds), int)
    gt = np.zeros(classes, int)
    tp[counts.classes], pred[counts.classes], gt[counts.classes] = counts[1:]
    return tp, pred, gt


def draw(seed, keys, size=(7, 9), steps=None, labels=(0, 1, 2, 3, 4, 5, 255)):
    rng = np.random.default_rng(seed)
    cams = rng.random((len(keys), *size), dtype=np.float32)
    if steps:
        cams = np.floor(cams * steps + 0.5).astype(np.float32) / np.float32(steps)
    mask = rng.choice(np.array(labels, dtype=np.uint8), size)
    return cams, np.array(keys, dtype=np.int64), mask


@pytest.mark.parametrize('seed', range(3))
@pytest.mark.parametrize(
    ('keys', 'steps', 'labels'),
    [
        ((0, 2, 4), None, (0, 1, 2, 3, 4, 5, 255)),
        # values on the thresholds and many ties between classes
        ((0, 2, 4), 4, (0, 1, 2, 3, 4, 5, 255)),
        # keys that no pixel of the mask has, and classes of the mask without a map
        ((1, 3), 20, (0, 1, 3, 5)),
        # not in ascending order, no background in the mask
        ((3, 0), 4, (1, 4)),
        ((2,), None, (255,)),
        ((), None, (0, 1, 255)),
    ],
)
def test_counts_equal_a_loop_over_thresholds_and_pixels(seed, keys, steps, labels):
    cams, keys, mask = draw(seed, keys, steps=steps, labels=labels)
    counts = count_pixels(cams, keys, mask, THRESHOLDS)
    for got, wanted in zip(dense(counts), naive_counts(cams, keys, mask, THRESHOLDS), strict=True):
        np.testing.assert_array_equal(got, wanted)
    assert {a.dtype for a in counts} == {np.dtype(np.int64)}


def test_thresholds_are_compared_as_float32():
    # as float64, 0.15 lies below the map's 0.15, and the pixel would be foreground
    cams, thresholds = np.full((1, 1, 1), 0.15, np.float32), np.array([0.15])
    assert cams.astype(np.float64).item() > thresholds.item()
    counts = count_pixels(cams, np.array([0]), np.array([[1]]), thresholds)
    assert dense(counts)[1][:, 0].tolist() == [1, 0, 0, 0, 0, 0]


def test_every_value_of_a_file():
    cams = (np.arange(256, dtype=np.float32) / 255).reshape(1, 16, 16)
    mask, thresholds = np.ones((16, 16), np.uint8), np.arange(1, 100) / 100
    counts = dense(count_pixels(cams, np.array([0]), mask, thresholds))
    for got, wanted in zip(counts, naive_counts(cams, [0], mask, thresholds), strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_ties_go_to_the_background_then_to_the_first():
    cams = np.array([[[0.5, 0.25]], [[0.5, 0.25]]], dtype=np.float32)
    counts = count_pixels(cams, np.array([4, 1]), np.array([[5, 5]]), np.array([0.25, 0.5]))
    tp, pred, _ = dense(counts)
    assert pred[:, 0].tolist() == [1, 0, 0, 0, 0, 1]
    assert tp[:, 0].tolist() == [0, 0, 0, 0, 0, 1]
    assert pred[:, 1].tolist() == [2, 0, 0, 0, 0, 0]


def test_another_ignore_index():
    cams, keys, mask = draw(0, (0, 1), labels=(0, 1, 2, 9))
    counts = count_pixels(cams, keys, mask, THRESHOLDS, ignore_index=9)
    for got, wanted in zip(
        dense(counts), naive_counts(cams, keys, mask, THRESHOLDS, ignore=9), strict=True
    ):
        np.testing.assert_array_equal(got, wanted)


def test_a_thousand_classes():
    rng = np.random.default_rng(0)
    cams, keys = rng.random((3, 5, 6), dtype=np.float32), np.array([7, 500, 999])
    mask = rng.choice([0, 8, 501, 1000, 255], (5, 6))
    counts = count_pixels(cams, keys, mask, THRESHOLDS)
    for got, wanted in zip(
        dense(counts, 1001), naive_counts(cams, keys, mask, THRESHOLDS, 1001), strict=True
    ):
        np.testing.assert_array_equal(got, wanted)
    # only what the image has is counted, whatever the number of classes
    assert set(counts.classes) <= {0, 8, 501, 1000}


def test_iou_and_errors_equal_sets_of_pixels():
    cams, keys, mask = draw(5, (0, 2, 3), size=(8, 8), labels=(0, 1, 2, 3, 255))
    threshold = 0.5
    predicted = {
        (y, x): naive_label(cams[:, y, x], keys, threshold) for y, x in np.ndindex(mask.shape)
    }
    counted = [p for p in np.ndindex(mask.shape) if mask[p] != 255]
    wanted, false, under = [], [], []
    for k in range(CLASSES):
        is_pred, is_true = ({p for p in counted if m[p] == k} for m in (predicted, mask))
        either = is_pred | is_true
        wanted.append(len(is_pred & is_true) / len(either) if either else np.nan)
        if k and is_true:
            false.append(len(is_pred - is_true) / len(is_pred) if is_pred else 0.0)
            under.append(len(is_true - is_pred) / len(is_true))
    assert np.isnan(wanted).any()
    assert 0.0 in false  # class 2 has no map, so nothing of it is predicted
    tp, pred, gt = dense(count_pixels(cams, keys, mask, np.array([threshold])))
    np.testing.assert_allclose(iou(tp, pred, gt)[:, 0], wanted, rtol=0, atol=1e-12)
    got_false, got_under = activation_errors(tp, pred, gt)
    assert got_false[0] == pytest.approx(np.mean(false), abs=1e-12)
    assert got_under[0] == pytest.approx(np.mean(under), abs=1e-12)


def test_no_true_foreground_has_no_errors():
    counts = dense(count_pixels(*draw(0, (1,), labels=(0,)), THRESHOLDS))
    false, under = activation_errors(*counts)
    assert false.shape == under.shape == THRESHOLDS.shape
    assert np.isnan(false).all()
    assert np.isnan(under).all()


@pytest.mark.goldens
def test_iou_of_the_released_evaluation(goldens_dir):
    golden = np.load(goldens_dir / 'eval_cam.npz')
    total = [np.zeros((21, len(golden['ts'])), int) for _ in range(2)] + [np.zeros(21, int)]
    for i in range(4):
        maps, keys, mask = (golden[f'{i}_{k}'] for k in ('cam', 'keys', 'gt'))
        for sums, part in zip(
            total, dense(count_pixels(maps, keys, mask, golden['ts']), 21), strict=True
        ):
            sums += part
    per_class = iou(*total)
    np.testing.assert_allclose(np.nanmean(per_class, 0), golden['miou'], rtol=0, atol=1e-9)
    at = int(np.abs(golden['ts'] - 0.15).argmin())
    np.testing.assert_allclose(per_class[:, at], golden['iou15'], rtol=0, atol=1e-9)
