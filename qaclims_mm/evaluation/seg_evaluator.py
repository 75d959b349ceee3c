"""The metrics of a segmentor's test run as one evaluator."""

from collections.abc import Sequence

from mmengine.evaluator import Evaluator

from qaclims_mm.registry import EVALUATOR


@EVALUATOR.register_module()
class SegEvaluator(Evaluator):
    """Several metrics that take what ``--out`` of mmseg's ``test.py`` sets.

    That tool sets ``output_dir`` of ``test_evaluator``, which a list of metrics does not have.

    Args:
        metrics: Configs of the metrics.
        output_dir: Folder for the masks, which the ``IoUMetric`` among the metrics writes as PNG.
        keep_results: Not used; ``test.py`` sets it.
    """

    def __init__(
        self,
        metrics: Sequence[dict],
        output_dir: str | None = None,
        keep_results: bool = False,
    ) -> None:
        if output_dir is not None:
            metrics = [
                {**m, 'output_dir': output_dir} if m['type'].endswith('IoUMetric') else m
                for m in metrics
            ]
        super().__init__(metrics)
