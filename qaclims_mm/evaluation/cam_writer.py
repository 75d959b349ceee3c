"""Writing activation maps."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.dist import all_gather_object, is_main_process
from mmengine.evaluator import BaseMetric

from qaclims_mm.registry import METRICS
from qaclims_mm.schemas import Manifest, file_of, write_cams


@METRICS.register_module()
class CAMWriter(BaseMetric):
    """Writes ``<out_dir>/<image_id>.npz`` for every image, and the manifest at the end.

    Args:
        out_dir: Folder of the files.
        prefix: As in ``BaseMetric``.
    """

    default_prefix = 'cams'

    def __init__(self, out_dir: str, prefix: str | None = None) -> None:
        super().__init__(prefix=prefix)
        self.out_dir = Path(out_dir)
        self._failed: dict[str, str] = {}
        self._fingerprint: dict[str, str] = {}

    def begin(self, fingerprint: dict[str, str], image_ids: Sequence[str]) -> None:
        """Remember from what the files are made; the hook has claimed the folder."""
        self._fingerprint = fingerprint

    def done_ids(self, image_ids: Sequence[str]) -> set[str]:
        """Return the images whose file is there; a file appears whole or not at all."""
        return {i for i in image_ids if file_of(self.out_dir, i, '.npz').is_file()}

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Write the maps of a batch."""
        for sample in data_samples:
            if sample.get('failed'):
                self._failed[sample['image_id']] = sample['failed']
                continue
            maps = (sample[k].float().cpu().numpy() for k in ('cam_strided', 'cam_high_res'))
            keys = sample['cam_keys'].cpu().numpy()
            write_cams(file_of(self.out_dir, sample['image_id'], '.npz'), keys, *maps)

    def evaluate(self, size: int) -> dict[str, float]:
        """Write the manifest and return how many images were done and failed."""
        failed: dict[str, str] = {}
        for part in all_gather_object(self._failed):
            failed.update(part)
        counts = dict(images=size - len(failed), failed=len(failed))
        if is_main_process():
            Manifest(
                'cams',
                self._fingerprint.get('config', ''),
                inputs={k: v for k, v in self._fingerprint.items() if k == 'checkpoint'},
                counts=counts,
                failed=[list(f) for f in sorted(failed.items())],
            ).write(self.out_dir)
        return {f'{self.prefix}/{k}': float(v) for k, v in counts.items()}

    def compute_metrics(self, results: list) -> dict:
        """Not used: ``evaluate`` counts."""
        return {}
