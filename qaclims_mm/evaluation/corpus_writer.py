"""Writing the corpus, shard by shard."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from mmengine.dist import (
    all_gather_object,
    barrier,
    broadcast_object_list,
    get_dist_info,
    is_main_process,
)
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from qaclims_mm.cores import number_of_cores
from qaclims_mm.corpus.known_answers import AnswerShards, plan_shards
from qaclims_mm.errors import ConfigError
from qaclims_mm.evaluation.folders import check_has_work_dir
from qaclims_mm.registry import METRICS
from qaclims_mm.schemas import (
    CORPUS_SCHEMA,
    ImageRecord,
    Manifest,
    hash_file,
    hash_shards,
    number_of_shards,
    read_parquet,
    read_records,
    shard_of,
    shard_path,
)
from qaclims_mm.schemas.files import problem_of_file
from qaclims_mm.schemas.names import counted

CORPUS_FOLDER = 'corpus'


@METRICS.register_module()
class CorpusWriter(BaseMetric):
    """Collects answers and writes a shard once it has all its images.

    A killed run goes on with the shards that are missing, and those that it had only saved a part
    of. Answers of an earlier run into the folder are kept for the images whose files and labels are
    as they were. Images that failed are asked about again, once in each run.

    Args:
        out_dir: Folder of the corpus; by default ``corpus`` in the work dir of the run.
        save_every: Images of a shard after which its answers so far are saved, where they are
            expensive; by default a shard is written when it is complete.
        prefix: As in ``BaseMetric``.

    Raises:
        ValueError: If ``save_every`` is below 1.
    """

    default_prefix = 'qape'

    def __init__(
        self,
        out_dir: str | None = None,
        prefix: str | None = None,
        save_every: int | None = None,
    ) -> None:
        super().__init__(prefix=prefix)
        if save_every is not None and save_every < 1:
            raise ValueError(f'save_every must be at least 1, but got {save_every}.')
        self.save_every = save_every
        self.out_dir = Path(out_dir or CORPUS_FOLDER)
        self._is_default, self._is_placed = out_dir is None, out_dir is not None
        self._rows: dict[str, list[dict[str, Any]]] = {}
        self._failed: dict[str, str] = {}
        # of all runs that made this corpus; known once it is complete
        self.failures: dict[str, str] = {}
        self._shards: AnswerShards | None = None
        # of each shard that has to be written, the images without an answer so far
        self._left: dict[int, set[str]] = {}
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
        """Learn what the answers depend on; the hook has claimed the folder."""
        self._fingerprint = fingerprint

    def begin_records(self, records: Iterable[Mapping[str, Any]], is_part: bool) -> None:
        """Find the images that are new, changed or failed; all ranks read their share of the files.

        Args:
            records: Records of all images.
            is_part: Whether the run has only a part of the images.

        Raises:
            FormatError: If a shard of an earlier run is broken.
        """
        images = read_images(list(records))
        plans: list[Any] = [plan_shards(self.out_dir, images) if is_main_process() else None]
        broadcast_object_list(plans)
        self._shards = AnswerShards(plans[0], images)
        self._left = self._shards.to_ask(is_part)
        again = set().union(*self._left.values()) & self._shards.plan.failed
        if is_main_process():
            self._shards.begin(is_part)
            if again:
                said = 'are tried again, after a failure in an earlier run.'
                print_log(counted(len(again), 'image', said), logger='current')

    @property
    def shards(self) -> AnswerShards:
        """The shards of this run.

        Raises:
            ConfigError: If nobody has told the images.
        """
        if self._shards is None:
            raise ConfigError(
                'CorpusWriter has not been told about the images; add '
                "dict(type='ResumeTestHook') to custom_hooks."
            )
        return self._shards

    def done_ids(self, image_ids: Sequence[str]) -> set[str]:
        """Return the images of which nothing has to be asked."""
        left = set().union(*self._left.values())
        return (self.shards.plan.known.keys() & set(image_ids)) - left

    def groups(self, image_ids: Sequence[str]) -> list[int]:
        """Return the shard of each image: its images must be given to one rank."""
        shards = number_of_shards(len(image_ids))
        return [shard_of(image_id, shards) for image_id in image_ids]

    def flush(self) -> None:
        """Do nothing: a shard is written with its last image."""

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the answers of a batch; write the shards that are complete.

        Raises:
            ConfigError: If it has no folder, or is used without ``ResumeTestHook``.
        """
        check_has_work_dir(self, self._is_placed)
        for sample in data_samples:
            image_id = sample['image_id']
            shard = shard_of(image_id, self.shards.plan.shards)
            if image_id not in self._left.get(shard, ()):
                # another evaluator of the run needs the image, but this one does not
                continue
            if sample.get('failed'):
                self._failed[image_id] = sample['failed']
            self._rows[image_id] = sample.get('answers', [])
            self._left[shard].remove(image_id)
            if not self._left[shard]:
                self._write(shard)
            elif self.save_every and not len(self._rows_of(shard)) % self.save_every:
                self._save(shard)

    def _rows_of(self, shard: int) -> dict[str, list[dict[str, Any]]]:
        """Return the new rows of a shard."""
        return {i: self._rows[i] for i in self.shards.ids[shard] if i in self._rows}

    def _save(self, shard: int) -> dict[str, list[dict[str, Any]]]:
        """Write what is known of a shard, and return what is new of it."""
        rows = self._rows_of(shard)
        self.shards.write(shard, rows, {i: self._failed[i] for i in rows if i in self._failed})
        return rows

    def _write(self, shard: int) -> None:
        for image_id in self._save(shard):
            del self._rows[image_id]
            self._failed.pop(image_id, None)
        del self._left[shard]

    def evaluate(self, size: int) -> dict[str, float]:
        """Write the shards that need no answer, then the manifest, and return the counts.

        Raises:
            StageError: If a shard lacks answers.
        """
        rank, ranks = get_dist_info()
        for shard in sorted(s for s, left in self._left.items() if not left):
            if shard % ranks == rank:
                self._write(shard)
        barrier()
        if is_main_process():
            self.shards.finish()
        barrier()
        counts = self._count()
        if is_main_process():
            Manifest(
                'qape',
                self._fingerprint.get('config', ''),
                counts=counts,
                failed=[list(f) for f in sorted(self.failures.items())],
                extra=dict(
                    questions=self._fingerprint.get('questions', ''),
                    shards_sha256=hash_shards(self.out_dir, counts['shards']),
                ),
            ).write(self.out_dir)
            answers = counted(counts['answers'], 'answer')
            print_log(f'{answers} in {self.out_dir}', logger='current')
            if self.failures:
                print_log(
                    f'{counted(len(self.failures), "image", "have no answers")}. Run the same '
                    'command to ask again; qaclims run needs --retry-failed for it.',
                    logger='current',
                    level=logging.WARNING,
                )
        barrier()
        return {f'{self.prefix}/{k}': float(v) for k, v in counts.items()}

    def _count(self) -> dict[str, int]:
        paths = [shard_path(self.out_dir, s) for s in range(self.shards.plan.shards)]
        counts = dict(images=0, answers=0, empty=0, shards=len(paths))
        for path in paths:
            table = read_parquet(path, CORPUS_SCHEMA, ['image_id', 'text'])
            counts['images'] += len(table['image_id'].unique())
            counts['answers'] += len(table)
            counts['empty'] += table['text'].to_pylist().count('')
            records = read_records(path).images.items()
            self.failures |= {i: r['failed'] for i, r in records if r.get('failed')}
        return counts

    def compute_metrics(self, results: list) -> dict:
        """Not used: ``evaluate`` reads the shards."""
        return {}


def read_images(records: Sequence[Mapping[str, Any]]) -> dict[str, ImageRecord]:
    """Return {image_id: record}; each rank hashes its share of the files.

    Args:
        records: Of the dataset; ``label_aliases`` may be absent.
    """
    rank, ranks = get_dist_info()
    # threads wait for disks and networks at the same time
    with ThreadPoolExecutor(min(16, 2 * number_of_cores())) as pool:
        hashes = pool.map(_hash_image, (r['img_path'] for r in records[rank::ranks]))
        mine = list(hashes)
    parts = all_gather_object(mine)
    return {
        record['image_id']: ImageRecord(
            record['img_path'],
            parts[number % ranks][number // ranks],
            tuple(record['label_names']),
            {name: list(others) for name, others in (record.get('label_aliases') or {}).items()},
        )
        for number, record in enumerate(records)
    }


def _hash_image(path: str) -> str:
    """Return the sha256 of an image's file, '' if it cannot be read."""
    try:
        return '' if problem_of_file(path) else hash_file(path)
    except OSError:
        return ''
