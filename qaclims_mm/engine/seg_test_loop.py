"""A test run of a segmentor that goes on where a record cannot be read."""

from typing import Any

import torch
from mmengine.runner import TestLoop, autocast

from qaclims_mm.evaluation.image_writer import ImageWriter
from qaclims_mm.registry import LOOPS


@LOOPS.register_module()
class SegTestLoop(TestLoop):
    """Leaves out the samples with ``failed``, which mmseg's segmentors and scores do not know.

    What writes files is told of them, so that its manifest names them.
    """

    @torch.no_grad()
    def run_iter(self, idx: int, data_batch: dict[str, Any]) -> None:
        """Test what is whole of a batch, ``inputs`` and ``data_samples`` of its images."""
        hooked = dict(batch_idx=idx, data_batch=data_batch)
        self.runner.call_hook('before_test_iter', **hooked)
        samples, outputs = data_batch['data_samples'], []
        # of an image under test-time augmentation it is a list of copies
        failed = [not isinstance(s, (list, tuple)) and 'failed' in s for s in samples]
        if not all(failed):
            whole = {
                name: [x for x, bad in zip(values, failed, strict=True) if not bad]
                for name, values in data_batch.items()
            }
            with autocast(enabled=self.fp16):
                outputs = self.runner.model.test_step(whole)
            self.evaluator.process(data_samples=outputs, data_batch=whole)
        left_out = [s.to_dict() for s, bad in zip(samples, failed, strict=True) if bad]
        for metric in self.evaluator.metrics:
            if isinstance(metric, ImageWriter):
                metric.process(data_batch, left_out)
        self.runner.call_hook('after_test_iter', outputs=outputs, **hooked)
