"""Writing one file an image, which is how most stages end."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.dist import all_gather_object, barrier, is_main_process
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from qaclims_mm.evaluation.folders import check_has_work_dir
from qaclims_mm.evaluation.remarks import RemarkNotes
from qaclims_mm.evaluation.write_queue import WriteQueue
from qaclims_mm.schemas import Manifest, file_of
from qaclims_mm.schemas.names import counted
from qaclims_mm.schemas.project import write_classes


class ImageWriter(BaseMetric):
    """Writes ``<out_dir>/<image_id><suffix>`` for every image, and the manifest at the end.

    In the work dir of the run it also writes ``classes.csv``, the names of the values in its files:
    the classes of a project may be changed before the stage is made again.

    Subclasses define ``suffix``, ``default_prefix`` (which is the stage in the manifest) and
    ``write``, which puts a call on the ``queue``. What such a call raises comes out of a later
    ``process``, or of ``evaluate``.

    Args:
        out_dir: Folder of the files; by default ``default_prefix`` in the work dir of the run.
        prefix: As in ``BaseMetric``.
    """

    suffix: str

    def __init__(self, out_dir: str | None = None, prefix: str | None = None) -> None:
        super().__init__(prefix=prefix)
        self.out_dir = Path(out_dir or str(self.default_prefix))
        self._is_default, self._is_placed = out_dir is None, out_dir is not None
        self._failed: dict[str, str] = {}
        self._fingerprint: dict[str, str] = {}
        self.image_ids: Sequence[str] = ()
        # what the files depend on beside model and data, {name: value}
        self.settings: dict[str, str] = {}
        # of all runs that made these files; known at the end
        self.remarks: dict[str, str] = {}
        self.queue = WriteQueue()

    @property
    def claimed_folder(self) -> Path:
        """Folder of the files."""
        check_has_work_dir(self, self._is_placed)
        return self.out_dir

    def use_work_dir(self, work_dir: str) -> None:
        """Write into the work dir of the run, unless a folder was given."""
        if self._is_default:
            self.out_dir = Path(work_dir) / str(self.default_prefix)
            self._is_placed = True

    def begin(self, fingerprint: dict[str, str], image_ids: Sequence[str]) -> None:
        """Remember from what the files are made; the hook has claimed the folder."""
        self._fingerprint, self.image_ids = fingerprint, image_ids
        classes = (self.dataset_meta or {}).get('classes')
        # what lies beside a folder that was given is another's
        if classes and self._is_default and is_main_process():
            write_classes(self.out_dir.parent, classes[1:])
        if is_main_process():
            RemarkNotes(self.out_dir).restore()
        barrier()

    def done_ids(self, image_ids: Sequence[str]) -> set[str]:
        """Return the images whose file is there; a file appears whole or not at all."""
        return {i for i in image_ids if file_of(self.out_dir, i, self.suffix).is_file()}

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Begin to write the files of a batch.

        Raises:
            ConfigError: If it has no folder.
        """
        check_has_work_dir(self, self._is_placed)
        notes = RemarkNotes(self.out_dir)
        for sample in data_samples:
            # first: an image whose file is there does not come again
            notes.note(sample['image_id'], sample.get('remark', ''))
            if sample.get('failed'):
                self._failed[sample['image_id']] = sample['failed']
                continue
            self.write(file_of(self.out_dir, sample['image_id'], self.suffix), sample)

    def flush(self) -> None:
        """Wait until all files are written."""
        self.queue.join()

    @abstractmethod
    def write(self, path: Path, sample: dict) -> None:
        """Put the writing of a sample's file, whole or not at all, on the ``queue``."""

    def evaluate(self, size: int) -> dict[str, float]:
        """Write the manifest, when all ranks have written; return the numbers of images."""
        self.flush()
        failed: dict[str, str] = {}
        for part in all_gather_object(self._failed):
            failed.update(part)
        counts = dict(images=size - len(failed), failed=len(failed))
        inputs = {k: v for k, v in self._fingerprint.items() if k not in ('config', 'images')}
        if is_main_process():
            notes = RemarkNotes(self.out_dir)
            self.remarks = notes.read()
            Manifest(
                str(self.default_prefix),
                self._fingerprint.get('config', ''),
                inputs=inputs,
                counts=counts,
                failed=[list(f) for f in sorted(failed.items())],
                extra=dict(remarks=list(map(list, self.remarks.items()))) if self.remarks else {},
            ).write(self.out_dir)
            notes.clear()
            files = counted(counts['images'], 'file')
            print_log(f'{files} in {self.out_dir}', logger='current')
        return {f'{self.prefix}/{k}': float(v) for k, v in counts.items()}

    def compute_metrics(self, results: list) -> dict:
        """Not used: ``evaluate`` counts."""
        return {}
