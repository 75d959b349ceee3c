from mmengine.evaluator import Evaluator

from qaclims_mm.registry import EVALUATOR

METRICS = [dict(type='IoUMetric', prefix='seg'), dict(type='SegMaskWriter')]


def test_out_of_mmseg_reaches_the_metric_that_writes_masks(tmp_path):
    folder = str(tmp_path / 'out')
    cfg = dict(type='SegEvaluator', metrics=METRICS, output_dir=folder, keep_results=True)
    built = EVALUATOR.build(cfg)
    assert isinstance(built, Evaluator)
    iou, writer = built.metrics
    assert iou.output_dir == folder
    assert str(writer.out_dir) == 'predictions'


def test_nothing_is_written_unasked():
    iou, _ = EVALUATOR.build(dict(type='SegEvaluator', metrics=METRICS)).metrics
    assert iou.output_dir is None
