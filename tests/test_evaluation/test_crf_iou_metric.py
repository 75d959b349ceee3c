import numpy as np
import pytest
import torch
from PIL import Image

from qaclims_mm.errors import ShortMemoryError
from qaclims_mm.evaluation import crf_iou_metric
from qaclims_mm.evaluation.crf_iou_metric import CRFIoUMetric, labels_of
from qaclims_mm.functional.crf import CRFSettings
from qaclims_mm.functional.crf_labels import crf_labels


@pytest.fixture
def pictures(tmp_path):
    """Two pictures of a bright square, noisy scores of it, and the truth."""
    random, made = np.random.default_rng(0), []
    for index in range(2):
        truth = np.zeros((24, 32), dtype=np.int64)
        truth[6:18, 8 + index : 24] = 1
        pixels = np.where(truth[..., None] == 1, 220, 30).astype(np.uint8).repeat(3, 2)
        path = tmp_path / f'{index}.png'
        Image.fromarray(pixels).save(path)
        noise = random.normal(0, 1.5, (2, *truth.shape))
        scores = np.stack([truth == 0, truth == 1]) * 1.5 + noise
        made.append((str(path), torch.from_numpy(scores).float(), torch.from_numpy(truth)))
    return made


def samples(pictures, scores):
    return [
        dict(img_path=path, seg_logits=dict(data=scores(x)), gt_sem_seg=dict(data=truth[None]))
        for path, x, truth in pictures
    ]


def test_mean_of_the_images_that_a_crf_made(pictures):
    report = {}
    for name, scores in (('logits', lambda x: x), ('tta', lambda x: x.softmax(0))):
        metric = CRFIoUMetric(workers=2, crf=dict(steps=5))
        metric.dataset_meta = dict(classes=('background', 'square'))
        metric.process({}, samples(pictures, scores))
        report[name] = metric.evaluate(2)
    settings = metric.settings
    assert settings == CRFSettings(5, 1, 3, 67, 3, 4)
    found = [crf_labels(p, x.softmax(0).half().numpy(), settings) for p, x, _ in pictures]
    pairs = [(f, t.numpy()) for f, (_, _, t) in zip(found, pictures, strict=True)]
    inter = [sum(((f == k) & (t == k)).sum() for f, t in pairs) for k in (0, 1)]
    union = [sum(((f == k) | (t == k)).sum() for f, t in pairs) for k in (0, 1)]
    wanted = 100 * np.mean([i / u for i, u in zip(inter, union, strict=True)])
    assert report['logits']['crf/mIoU'] == pytest.approx(wanted, abs=0.01)
    assert report['tta'] == report['logits']
    # without it, noise is what is seen
    raw = np.mean([(x.argmax(0) == t).float().mean() for _, x, t in pictures])
    assert raw < 0.85 < 0.97 < report['logits']['crf/aAcc'] / 100


def test_memory_that_does_not_suffice(pictures, monkeypatch):
    path, scores, _ = pictures[0]
    probabilities = scores.softmax(0).half().numpy()
    monkeypatch.setattr(crf_iou_metric, 'free_memory', lambda: 50_000)
    with pytest.raises(ShortMemoryError, match=r'0\.png: the dense CRF of a picture of 32 x 24 px'):
        labels_of(path, probabilities, CRFSettings())
