import json
import tracemalloc

import numpy as np
import pytest
import torch

from qaclims_mm.errors import ConfigError, DataError, StageError, TrainingError
from qaclims_mm.evaluation import cam_metric
from qaclims_mm.evaluation.cam_metric import CAMMetric

CLASSES = ('background', 'cat', 'dog', 'cow')
THRESHOLDS = [0.1, 0.15, 0.3, 0.5, 0.7]
REPORT = {
    f'cam/{name}{at}'
    for name in ('mIoU', 'false_activation', 'under_activation')
    for at in ('', '@0.15')
} | {'cam/best_threshold'}


def make_metric(classes=CLASSES, **options):
    metric = CAMMetric(**dict(thresholds=THRESHOLDS) | options)
    metric.dataset_meta = dict(classes=classes)
    return metric


def make_sample(image_id, cams, keys, mask):
    return dict(
        image_id=image_id,
        img_path=f'JPEGImages/{image_id}.jpg',
        cam_class_indices=torch.tensor(keys, dtype=torch.int64),
        cam_high_res=torch.as_tensor(cams),
        gt_sem_seg=dict(data=torch.as_tensor(mask).long()[None]),
    )


def draw_samples(number, seed=0, size=(6, 7)):
    rng = np.random.default_rng(seed)
    samples = []
    for i in range(number):
        keys = sorted(rng.choice(3, rng.integers(0, 3), replace=False).tolist())
        cams = rng.integers(0, 21, (len(keys), *size)).astype(np.float32) / np.float32(20)
        mask = rng.choice([0, 1, 2, 3, 255], size)
        samples.append(make_sample(f'img_{i}', cams, keys, mask))
    return samples


def measure(metric, samples):
    for sample in samples:
        metric.process(None, [sample])
    return metric.evaluate(len(samples))


def naive_report(samples, thresholds=THRESHOLDS, classes=4):
    """Count pixel by pixel, threshold by threshold, and return the curves in percent."""
    curves = dict(mIoU=[], false_activation=[], under_activation=[])
    per_class = np.full((classes, len(thresholds)), np.nan)
    for t, threshold in enumerate(thresholds):
        tp, pred, gt = (np.zeros(classes) for _ in range(3))
        for sample in samples:
            mask = sample['gt_sem_seg']['data'][0].numpy()
            for y, x in np.ndindex(mask.shape):
                if mask[y, x] == 255:
                    continue
                label, best = 0, np.float32(threshold)
                for k, value in zip(
                    sample['cam_class_indices'].tolist(),
                    sample['cam_high_res'][:, y, x],
                    strict=True,
                ):
                    if np.float32(value) > best:
                        label, best = k + 1, np.float32(value)
                pred[label] += 1
                gt[mask[y, x]] += 1
                tp[label] += label == mask[y, x]
        seen = pred + gt > 0
        per_class[seen, t] = 100 * tp[seen] / (pred + gt - tp)[seen]
        true = [k for k in range(1, classes) if gt[k]]
        curves['mIoU'].append(np.mean(per_class[seen, t]))
        curves['false_activation'].append(
            100 * np.mean([(pred[k] - tp[k]) / pred[k] if pred[k] else 0 for k in true])
        )
        curves['under_activation'].append(100 * np.mean([1 - tp[k] / gt[k] for k in true]))
    return curves, per_class


def report_of(curves, thresholds=THRESHOLDS):
    best, fixed = int(np.argmax(curves['mIoU'])), thresholds.index(0.15)
    report = {'cam/best_threshold': thresholds[best]}
    for name, values in curves.items():
        report |= {f'cam/{name}': values[best], f'cam/{name}@0.15': values[fixed]}
    return report


@pytest.mark.parametrize('seed', range(3))
def test_report_equals_a_loop(seed):
    samples = draw_samples(5, seed)
    got = measure(make_metric(), samples)
    assert got == pytest.approx(report_of(naive_report(samples)[0]), abs=1e-9)
    assert set(got) == REPORT


@pytest.mark.goldens
def test_report_of_the_released_evaluation(goldens_dir):
    golden = np.load(goldens_dir / 'eval_cam.npz')
    samples = [
        make_sample(str(i), golden[f'{i}_cam'], golden[f'{i}_keys'].tolist(), golden[f'{i}_gt'])
        for i in range(4)
    ]
    classes = tuple(map(str, range(21)))
    got = measure(make_metric(classes, thresholds=golden['ts'].tolist()), samples)
    best = golden['miou'].argmax()
    assert got['cam/mIoU'] == pytest.approx(100 * golden['miou'][best], abs=1e-9)
    assert got['cam/best_threshold'] == golden['ts'][best]
    assert got['cam/mIoU@0.15'] == pytest.approx(100 * np.mean(golden['iou15']), abs=1e-9)


@pytest.mark.parametrize('terminal', [False, True])
def test_logged_table_shows_names_as_they_are(monkeypatch, terminal):
    logged = []
    monkeypatch.setenv('FORCE_COLOR', '1' if terminal else '')
    monkeypatch.setattr(cam_metric, 'print_log', lambda text, logger: logged.append(text))
    names = ('background', '[red]dog[/red]', '[/b]', ':cat: \x1b[31m')
    measure(make_metric(names), draw_samples(2))
    rows = [line.split('│')[1].strip() for line in logged[0].splitlines() if '│' in line]
    assert rows == ['background', '[red]dog[/red]', '[/b]', ':cat: \\x1b[31m']
    assert '\x1b' not in logged[0]


def test_default_thresholds():
    assert CAMMetric().thresholds.tolist() == [i / 100 for i in range(1, 100)]


def test_curve_file(tmp_path):
    samples = draw_samples(4)
    measure(make_metric(out_file=str(tmp_path / 'a/curve.json')), samples)
    curves, per_class = naive_report(samples)
    found = json.loads((tmp_path / 'a/curve.json').read_text())
    assert found['thresholds'] == THRESHOLDS
    for name, values in curves.items():
        assert found[name] == pytest.approx(values, abs=1e-4)
    assert list(found['classes']) == sorted(CLASSES)
    for name, values in zip(CLASSES, per_class, strict=True):
        assert found['classes'][name] == pytest.approx(values.tolist(), abs=1e-4)


def test_class_that_is_nowhere_is_null_in_the_file(tmp_path):
    sample = make_sample('a', np.zeros((1, 2, 2), np.float32), [0], np.ones((2, 2)))
    path = tmp_path / 'curve.json'
    got = measure(make_metric(out_file=str(path)), [sample])
    found = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert found['classes']['dog'] == [None] * len(THRESHOLDS)
    assert got['cam/mIoU'] == 0


def test_only_ignored_pixels_give_nan():
    sample = make_sample('a', np.ones((1, 2, 2), np.float32), [0], np.full((2, 2), 255))
    got = measure(make_metric(), [sample])
    assert {k for k, v in got.items() if np.isnan(v)} == REPORT - {'cam/best_threshold'}


@pytest.mark.parametrize('number', [0, 3])
def test_failed_records_do_not_count(number):
    failed = dict(image_id='bad', failed='image bad.jpg is missing')
    samples = draw_samples(number)
    got = measure(make_metric(), [failed, *samples])
    assert got == pytest.approx(measure(make_metric(), samples), nan_ok=True)


def run_ranks(monkeypatch, metrics):
    """Evaluate the metrics as the ranks of one run; all_reduce then sums over all of them."""
    parts = [[getattr(m._counts, n).copy() for n in ('tp', 'pred', 'gt')] for m in metrics]
    reports = []
    for rank, metric in enumerate(metrics):
        calls = iter(range(3))

        def all_reduce(tensor, rank=rank, calls=calls):
            assert tensor.dtype == torch.int64
            i = next(calls)
            for other, part in enumerate(parts):
                if other != rank:
                    tensor += torch.from_numpy(part[i])

        monkeypatch.setattr(cam_metric, 'all_reduce', all_reduce)
        reports.append(metric.evaluate(0))
    return reports


def test_ranks_sum_their_counts(monkeypatch):
    samples = draw_samples(5)
    alone = measure(make_metric(), samples)
    metrics = [make_metric(), make_metric()]
    for i, sample in enumerate(samples):
        metrics[i % 2].process(None, [sample])
    assert run_ranks(monkeypatch, metrics) == [alone, alone]


def test_ranks_share_a_journal(monkeypatch, tmp_path):
    samples = draw_samples(5)
    metrics = [make_metric(journal=str(tmp_path)), make_metric(journal=str(tmp_path))]
    for rank, metric in enumerate(metrics):
        for sample in samples[rank::2]:
            metric.process(None, [sample])
        monkeypatch.setattr(cam_metric, 'get_rank', lambda rank=rank: rank)
        metric.flush()
        # nothing is left, so nothing is written
        metric.flush()
    assert len(list(tmp_path.glob('part-*.npz'))) == 2
    unbroken = measure(make_metric(), samples)
    assert [m.evaluate(5) for m in metrics] == [unbroken, unbroken]


def held_bytes(metric):
    counts = metric._counts
    return sum(a.nbytes for a in (counts.tp, counts.pred, counts.gt)) + len(counts.image_ids)


def test_a_thousand_classes_and_memory_that_does_not_grow():
    classes = ('background', *(f'class {k}' for k in range(1000)))
    metric = make_metric(classes)
    samples = [
        make_sample(f'img_{k}', np.ones((1, 2, 2), np.float32), [k], np.full((2, 2), k + 1))
        for k in range(0, 1000, 2)
    ]
    metric.process(None, samples[:1])
    held = held_bytes(metric)
    tracemalloc.start()
    try:
        metric.process(None, samples[1:10])
        before = tracemalloc.get_traced_memory()[0]
        metric.process(None, samples[10:])
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert held_bytes(metric) == held
    assert grown < 10 * 32 * 32 * 8  # ten of the 490 masks that came and went
    got = metric.evaluate(len(samples))
    # the background and every second class are never true nor predicted, the others are right
    assert got['cam/mIoU'] == 100
    assert got['cam/false_activation'] == got['cam/under_activation'] == 0


BAD_SAMPLES = {
    'NaN': (
        TrainingError,
        dict(cam_high_res=torch.full((1, 2, 2), torch.nan)),
        r'image a \(JPEGImages/a\.jpg\): its maps have NaN; the checkpoint is broken\.',
    ),
    'no mask': (
        ConfigError,
        dict(gt_sem_seg=None),
        r'image a \(JPEGImages/a\.jpg\) has no mask; add LoadMask to the test pipeline\.',
    ),
    'another size': (
        DataError,
        dict(cam_high_res=torch.zeros(1, 2, 3)),
        r'image a \(JPEGImages/a\.jpg\): its mask is \(2, 2\), but its maps are \(2, 3\)\.',
    ),
    'class of the mask': (
        DataError,
        dict(gt_sem_seg=dict(data=torch.full((1, 2, 2), 4))),
        r'image a: class 4 is in mask or maps, but there are 4 classes with the background\.',
    ),
    'class of a map': (
        DataError,
        dict(cam_class_indices=torch.tensor([19])),
        r'image a: class 20 is in mask or maps, but there are 4 classes with the background\.',
    ),
}


@pytest.mark.parametrize(
    ('kind', 'change', 'message'), BAD_SAMPLES.values(), ids=BAD_SAMPLES.keys()
)
def test_bad_maps_and_masks(kind, change, message):
    sample = make_sample('a', np.zeros((1, 2, 2), np.float32), [0], np.zeros((2, 2))) | change
    sample = {k: v for k, v in sample.items() if v is not None}
    with pytest.raises(kind, match=f'^{message}$'):
        make_metric().process(None, [sample])


@pytest.mark.parametrize('killed_after', [0, 2, 3, 4])
def test_killed_run_goes_on_to_the_same_numbers(monkeypatch, tmp_path, killed_after):
    monkeypatch.setattr(cam_metric, 'IMAGES_A_PART', 2)
    samples = draw_samples(5)
    ids = [s['image_id'] for s in samples]
    metric = make_metric(journal=str(tmp_path))
    metric.begin({}, ids)
    metric.process(None, samples[:killed_after])
    del metric  # what was not flushed is lost with it
    again = make_metric(journal=str(tmp_path))
    done = again.done_ids(ids)
    assert done == set(ids[: killed_after // 2 * 2])
    report = measure(again, [s for s in samples if s['image_id'] not in done])
    assert report == measure(make_metric(), samples)
    # a third run has nothing to do and says the same
    third = make_metric(journal=str(tmp_path))
    assert third.done_ids(ids) == set(ids)
    assert third.evaluate(5) == report


def test_images_in_the_journal_do_not_count_twice(tmp_path):
    # another evaluator of the run may have kept nothing: then all images come again
    samples = draw_samples(3)
    ids = [s['image_id'] for s in samples]
    measure(make_metric(journal=str(tmp_path)), samples[:1])
    again = make_metric(journal=str(tmp_path))
    again.begin({}, ids)
    assert measure(again, samples) == measure(make_metric(), samples)


def test_without_a_journal_nothing_is_done():
    assert make_metric().done_ids(['img_0']) == set()


def test_journal_of_other_thresholds_is_refused(tmp_path):
    measure(make_metric(journal=str(tmp_path)), draw_samples(1))
    other = make_metric(journal=str(tmp_path), thresholds=[0.1, 0.15, 0.3, 0.5, 0.8])
    with pytest.raises(StageError, match=r'was counted with other classes or thresholds; delete'):
        other.done_ids(['img_0'])


def test_images_without_a_mask_may_be_left_out(tmp_path):
    samples = draw_samples(4)
    wanted = measure(make_metric(), samples[:2])
    for sample in samples[2:]:
        del sample['gt_sem_seg']
    metric = make_metric(optional=True, journal=str(tmp_path))
    assert measure(metric, samples) == wanted
    ids = [s['image_id'] for s in samples]
    assert make_metric(optional=True, journal=str(tmp_path)).done_ids(ids) == set(ids)
    with pytest.raises(ConfigError, match='has no mask'):
        measure(make_metric(), samples)
