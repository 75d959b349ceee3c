"""Writing the corpus, shard by shard."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.dist import barrier, is_main_process
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from qaclims_mm.corpus.store import finished_shards, write_shard
from qaclims_mm.evaluation.folders import check_has_work_dir
from qaclims_mm.registry import METRICS
from qaclims_mm.schemas import (
    CORPUS_SCHEMA,
    SHARD_SIZE,
    Manifest,
    failed_path,
    read_failed,
    read_parquet,
    shard_path,
    write_failed,
)

CORPUS_FOLDER = 'corpus'


@METRICS.register_module()
class CorpusWriter(BaseMetric):
    """Collects answers and writes a shard once it has all its images.

    A shard is whole or absent, so a killed run goes on with the shards that are missing.

    Args:
        out_dir: Folder of the corpus; by default ``corpus`` in the work dir of the run.
        prefix: As in ``BaseMetric``.
    """

    default_prefix = 'qape'

    def __init__(self, out_dir: str | None = None, prefix: str | None = None) -> None:
        super().__init__(prefix=prefix)
        self.out_dir = Path(out_dir or CORPUS_FOLDER)
        self._is_default, self._is_placed = out_dir is None, out_dir is not None
        self._rows: dict[str, list[dict[str, Any]]] = {}
        self._failed: dict[str, str] = {}
        # of all runs that made this corpus; known once it is complete
        self.failures: dict[str, str] = {}
        self._shard_ids: dict[int, list[str]] = {}
        self._fingerprint: dict[str, str] = {}
        self.settings: dict[str, str] = {}

    @property
    def claimed_folder(self) -> Path:
        """Folder of the corpus."""
        check_has_work_dir(self, self._is_placed)
        return self.out_dir

    def use_work_dir(self, work_dir: str) -> None:
        """Write into the work dir of the run, unless a folder was given."""
        if self._is_default:
            self.out_dir = Path(work_dir) / CORPUS_FOLDER
            self._is_placed = True

    def begin(self, fingerprint: dict[str, str], image_ids: Sequence[str]) -> None:
        """Learn which images make which shard; the hook has claimed the folder."""
        self._fingerprint = fingerprint
        self._shard_ids = {
            s: list(image_ids[s * SHARD_SIZE : (s + 1) * SHARD_SIZE])
            for s in range(-(-len(image_ids) // SHARD_SIZE))
        }

    def done_ids(self, image_ids: Sequence[str]) -> set[str]:
        """Return the ids of finished shards."""
        shards = finished_shards(self.out_dir, len(image_ids))
        return {i for s in shards for i in image_ids[s * SHARD_SIZE : (s + 1) * SHARD_SIZE]}

    def units(self, image_ids: Sequence[str]) -> list[list[str]]:
        """Return the images of each shard, which one process must have together."""
        starts = range(0, len(image_ids), SHARD_SIZE)
        return [list(image_ids[start : start + SHARD_SIZE]) for start in starts]

    def flush(self) -> None:
        """Do nothing: a shard is written with its last image."""

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the answers of a batch; write the shards that are complete.

        Raises:
            ConfigError: If it has no folder.
        """
        check_has_work_dir(self, self._is_placed)
        for sample in data_samples:
            if sample.get('failed'):
                self._failed[sample['image_id']] = sample['failed']
            self._rows[sample['image_id']] = sample.get('answers', [])
        for shard, ids in list(self._shard_ids.items()):
            if ids[0] in self._rows and all(i in self._rows for i in ids):
                self._write(shard, ids)

    def _write(self, shard: int, ids: Sequence[str]) -> None:
        failed = {i: self._failed[i] for i in ids if i in self._failed}
        path = failed_path(self.out_dir, shard)
        # before the shard, which says that its images need not be looked at again; a killed run may
        # have left the list and no shard, and the images be mended since
        if failed:
            write_failed(path, failed)
        else:
            path.unlink(missing_ok=True)
        write_shard(self.out_dir, shard, {i: self._rows.pop(i) for i in ids})
        del self._shard_ids[shard]

    def evaluate(self, size: int) -> dict[str, float]:
        """Write the manifest and return the counts."""
        barrier()
        counts = self._count(size)
        for path in (failed_path(self.out_dir, s) for s in range(counts['shards'])):
            if path.is_file():
                self.failures |= read_failed(path)
        if is_main_process():
            Manifest(
                'qape',
                self._fingerprint.get('config', ''),
                counts=counts,
                failed=[list(f) for f in sorted(self.failures.items())],
                extra=dict(questions=self._fingerprint.get('questions', '')),
            ).write(self.out_dir)
            print_log(f'{counts["answers"]} answers in {self.out_dir}', logger='current')
        barrier()
        return {f'{self.prefix}/{k}': float(v) for k, v in counts.items()}

    def _count(self, size: int) -> dict[str, int]:
        shards = -(-size // SHARD_SIZE)
        tables = [
            read_parquet(shard_path(self.out_dir, s), CORPUS_SCHEMA, ['image_id', 'text'])
            for s in range(shards)
        ]
        return dict(
            images=sum(len(set(t['image_id'].to_pylist())) for t in tables),
            answers=sum(len(t) for t in tables),
            empty=sum(t['text'].to_pylist().count('') for t in tables),
            shards=shards,
        )

    def compute_metrics(self, results: list) -> dict:
        """Not used: ``evaluate`` reads the shards."""
        return {}
