from types import SimpleNamespace

import pytest
import torch
from mmengine.evaluator import BaseMetric, Evaluator
from mmseg.structures import SegDataSample

from qaclims_mm.engine.seg_test_loop import SegTestLoop
from qaclims_mm.evaluation.image_writer import ImageWriter


class Score(BaseMetric):
    """Has mmseg's manner: it looks at what every sample must have."""

    default_prefix = 'score'

    def process(self, data_batch, data_samples):
        assert len(data_batch['inputs']) == len(data_samples)
        self.results += [s['seen'] for s in data_samples]

    def compute_metrics(self, results):
        return dict(sum=sum(results))


class Writer(ImageWriter):
    default_prefix, suffix = 'x', '.txt'

    def write(self, path, sample):
        path.parent.mkdir(exist_ok=True)
        path.write_text(str(sample['seen']))


def sample(image_id, **more):
    return SegDataSample(metainfo=dict(image_id=image_id, **more))


@pytest.fixture
def loop(tmp_path):
    def test_step(batch):
        assert batch['inputs'], 'a network was given no image'
        for image, one in zip(batch['inputs'], batch['data_samples'], strict=True):
            assert 'failed' not in one
            one.set_metainfo(dict(seen=int(image.sum())))
        return batch['data_samples']

    made = SegTestLoop.__new__(SegTestLoop)
    made.hooked, made.fp16 = [], False
    hook = lambda name, **what: made.hooked.append((name, what))  # noqa: E731
    made._runner = SimpleNamespace(call_hook=hook, model=SimpleNamespace(test_step=test_step))
    made.evaluator = Evaluator([Score(), Writer(str(tmp_path / 'out'))])
    return made


def test_what_failed_is_no_matter_of_model_and_scores(loop, tmp_path):
    images = [torch.full((1, 1), n) for n in (3, 5, 7)]
    samples = [sample('a'), sample('b', failed='it is cut'), sample('c')]
    loop.run_iter(0, dict(inputs=images, data_samples=samples))
    loop.run_iter(1, dict(inputs=images[:1], data_samples=[sample('d', failed='it is gone')]))
    score, _ = loop.evaluator.metrics
    assert score.results == [3, 7]
    found = loop.evaluator.evaluate(4)
    assert (found['x/images'], found['x/failed']) == (2, 2)
    assert sorted(p.stem for p in (tmp_path / 'out').glob('*.txt')) == ['a', 'c']
    names = [name for name, _ in loop.hooked]
    assert names == ['before_test_iter', 'after_test_iter'] * 2
    # the hook that counts failures sees them all
    seen = [s.image_id for _, what in loop.hooked[1::2] for s in what['data_batch']['data_samples']]
    assert seen == ['a', 'b', 'c', 'd']
    assert [len(what['outputs']) for _, what in loop.hooked[1::2]] == [2, 0]


def test_copies_of_an_image(loop):
    """As test-time augmentation has them: a list of each copy of all images."""
    loop.runner.model.test_step = lambda batch: [sample('a', seen=len(batch['data_samples']))]
    loop.evaluator = Evaluator([])
    batch = dict(inputs=[[0], [0]], data_samples=[[sample('a')], [sample('a')]])
    loop.run_iter(0, batch)
    assert loop.hooked[-1][1]['outputs'][0].seen == 2
