"""The stage ``ir_label``: confident labels of activation maps, by a dense CRF on all cores."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from mmengine.config import Config

from qaclims_mm.cores import number_of_cores
from qaclims_mm.engine.fingerprints import hash_image_ids, hashes_of_inputs
from qaclims_mm.engine.overlap import run_overlapped
from qaclims_mm.engine.process_pool import run_in_processes
from qaclims_mm.engine.shards import Shard
from qaclims_mm.errors import ConfigError, FormatError, RecordError, ShortMemoryError
from qaclims_mm.free_memory import affordable_processes, free_memory, free_memory_of
from qaclims_mm.functional.crf import CRFSettings
from qaclims_mm.functional.crf_labels import confident_labels, memory_of_labels
from qaclims_mm.progress import track
from qaclims_mm.registry import DATASETS
from qaclims_mm.schemas import Manifest, claimed, file_of, hash_config, read_cams, write_mask
from qaclims_mm.schemas.project import write_classes
from qaclims_mm.schemas.work_dir import IR_LABELS

# images that are read before the CRF on a GPU reaches them: enough that it does not wait
_MOST_AHEAD = 4


class LabelOptions(NamedTuple):
    """The config's ``ir_label``.

    Attributes:
        cams: Folder of the maps.
        conf_fg: Map value of the background where foreground is looked for.
        conf_bg: The same where background is looked for.
        crf: Fields of ``CRFSettings`` that differ from the defaults.
    """

    cams: str
    conf_fg: float = 0.3
    conf_bg: float = 0.05
    crf: dict[str, Any] | None = None


class LabelMaker:
    """Makes and writes the labels of one image; picklable, since other processes call it.

    Args:
        steps: Transforms that add ``img`` and the maps to a record.
        folder: Folder of the labels.
        options: Thresholds and CRF.
        device: Where the CRF computes.
        strict: Whether a bad record is an error.
    """

    def __init__(
        self,
        steps: Sequence[Callable[[dict], dict]],
        folder: Path,
        options: LabelOptions,
        device: str = 'cpu',
        strict: bool = False,
    ) -> None:
        self.steps, self.folder, self.strict = list(steps), folder, strict
        self.thresholds = options.conf_fg, options.conf_bg
        self.settings = CRFSettings(**(options.crf or {}))
        self.device = device

    def __call__(self, record: dict) -> tuple[str, str]:
        """Return the id of the image, and why it has no labels or ''.

        Raises:
            RecordError: If the record is bad and ``strict`` is set.
            ShortMemoryError: If there is not enough memory.
        """
        return self.write(self.label(self.read(record)))

    def read(self, record: dict) -> dict:
        """Return the record with its image and maps, or with the reason as ``failure``."""
        image_id = record['image_id']
        # the caller keeps its records, and would keep the images in them
        record = dict(record)
        try:
            for step in self.steps:
                record = step(record)
        except RecordError as error:
            if self.strict:
                raise
            return dict(image_id=image_id, failure=str(error))
        return record

    def label(self, record: dict) -> dict:
        """Return the id of the image and its ``labels``, or what ``read`` says of a failure."""
        if 'failure' in record:
            return record
        try:
            labels = confident_labels(
                record['cam_high_res'],
                record['cam_class_indices'],
                record['img'],
                *self.thresholds,
                self.settings,
                self.device,
                free_memory_of(self.device),
            )
        except MemoryError as error:
            raise ShortMemoryError(f'{record["image_id"]}: {error}') from error
        return dict(image_id=record['image_id'], labels=labels)

    def write(self, record: dict) -> tuple[str, str]:
        """Write the labels; return the id of the image, and why it has none or ''."""
        if 'labels' in record:
            write_mask(file_of(self.folder, record['image_id'], '.png'), record['labels'])
        return record['image_id'], record.get('failure', '')


class Labelled(NamedTuple):
    """What a run has done.

    Attributes:
        folder: Folder of the labels.
        images: Number of images, of the shard if it was one.
        kept: How many of them had their labels already.
        failed: Reasons of those that got none, {image_id: reason}.
    """

    folder: Path
    images: int
    kept: int
    failed: dict[str, str]


def make_ir_labels(cfg: Config, jobs: int | None = None, shard: Shard | None = None) -> Labelled:
    """Make the labels of a config's test images that have none yet, then the manifest.

    Args:
        cfg: Config with ``ir_label`` and ``test_dataloader.dataset``.
        jobs: Number of processes; by default one a core, or as many as there is memory for. On a
            GPU it is this process by default, which reads and writes in threads beside the CRF.
        shard: Part of the images; then no manifest is written.

    Raises:
        ConfigError: If the config has no such parts, or an option is wrong.
        StageError: If the folder holds labels of another run, or a process is killed.
        ShortMemoryError: If there is not enough memory for an image.
        FormatError: If the stage that makes the maps has not finished.
    """
    options = read_options(cfg)
    dataset = _build_dataset(cfg, options)
    image_ids = dataset.image_ids()
    fingerprint = dict(
        config=hash_config(
            dict(
                ir_label=cfg.ir_label,
                dataset=cfg.test_dataloader.dataset,
                work_dir=cfg.work_dir,
            )
        ),
        images=hash_image_ids(image_ids),
    )
    inputs = hashes_of_inputs(dataset.pipeline.transforms)
    folder = Path(cfg.work_dir) / IR_LABELS
    mine = set(image_ids) if shard is None else shard.share([[i] for i in image_ids])
    with claimed(folder, fingerprint | inputs, shard is not None):
        write_classes(folder.parent, dataset.class_names)
        records = [
            record
            for record in dataset.iterate_records()
            if record['image_id'] in mine
            and not file_of(folder, record['image_id'], '.png').is_file()
        ]
        maker = LabelMaker(
            dataset.pipeline.transforms, folder, options, find_device(), dataset.strict
        )
        made = _run(maker, records, jobs, _memory_of(records, options.cams))
        failed = {i: why for i, why in track(made, 'labels', len(records)) if why}
    if shard is None:
        counts = dict(images=len(image_ids) - len(failed), failed=len(failed))
        listed = [list(f) for f in sorted(failed.items())]
        manifest = Manifest(
            IR_LABELS, fingerprint['config'], inputs=inputs, counts=counts, failed=listed
        )
        manifest.write(folder)
    return Labelled(folder, len(mine), len(mine) - len(records), failed)


def find_device() -> str:
    """Return the device of the CRF; other accelerators than CUDA lack its sparse matrices."""
    return 'cuda' if torch.cuda.is_available() else 'cpu'


def _run(
    maker: LabelMaker, records: Sequence[dict], jobs: int | None, each: int
) -> Iterator[tuple[str, str]]:
    """Make the labels of images, of which one takes ``each`` bytes at most."""
    if jobs is None and maker.device != 'cpu':
        ahead = max(1, min(_MOST_AHEAD, free_memory() // max(1, each)))
        return run_overlapped(maker.read, maker.label, maker.write, records, ahead)
    if jobs is None:
        jobs = affordable_processes(min(len(records), number_of_cores()), each, 'labels')
    return run_in_processes(maker, records, jobs, preload=[__name__, 'qaclims_mm.datasets'])


def read_options(cfg: Config) -> LabelOptions:
    """Return the config's ``ir_label``.

    Raises:
        ConfigError: If there is none, or it lacks the maps.
    """
    values = cfg.get('ir_label')
    if values is None or not values.get('cams'):
        raise ConfigError(
            f'{cfg.filename} has no ir_label with the folder of the maps; add '
            "ir_label = dict(cams='...') or take a config such as those of configs/irn/ir-label_*."
        )
    return LabelOptions(**values)


def _memory_of(records: Sequence[dict], folder: str) -> int:
    """Return the bytes that the labels of the image with the most classes take.

    Args:
        records: The images.
        folder: Folder of the maps.
    """
    if not records:
        return 0
    most = max(records, key=lambda r: len(r['class_indices']))
    try:
        size = read_cams(file_of(folder, most['image_id'], '.npz'), full_size=False).size
    except (FormatError, FileNotFoundError):
        # it is reported when its turn comes
        return 0
    return memory_of_labels(len(most['class_indices']), *size)


def _build_dataset(cfg: Config, options: LabelOptions) -> Any:
    """Return the test images, whose pipeline ends by reading the maps."""
    values = (cfg.get('test_dataloader') or {}).get('dataset')
    if values is None:
        raise ConfigError(f'{cfg.filename} has no test_dataloader.dataset, the images to label.')
    values = values.to_dict()
    steps = [*values.get('pipeline', []), dict(type='LoadCAMs', cams=options.cams)]
    return DATASETS.build({**values, 'pipeline': steps, 'test_mode': True})
