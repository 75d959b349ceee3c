"""Reading what the stages of a plan have left in a work dir."""

import shlex
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from qaclims_mm.corpus.store import VQACorpus
from qaclims_mm.datasets.image_level import ImageLevelDataset
from qaclims_mm.datasets.rebuild import rebuild_dataset
from qaclims_mm.errors import ConfigError, FormatError, QAClimsError
from qaclims_mm.exchange.masks.work import is_outdated, moved_dataset
from qaclims_mm.paths import config_file
from qaclims_mm.report.blocks import MissingError
from qaclims_mm.schemas import (
    MANIFEST,
    METRICS,
    MODES,
    Manifest,
    read_metrics,
    read_run_config,
    run_config_path,
)
from qaclims_mm.schemas.files import read_json
from qaclims_mm.schemas.names import counted
from qaclims_mm.schemas.numbers.curve import Curve, read_curve
from qaclims_mm.schemas.numbers.runs import Run, read_runs
from qaclims_mm.schemas.project import PROJECT
from qaclims_mm.schemas.work_dir import CORPUS, CURVE, LOGS, PLAN_NOTE

# the stage of QA-CLIMS's maps
MAPS = 'qa_clims_maps'


def part_of(values: Any, *keys: str) -> dict[str, Any]:
    """Return a dict inside values that nothing checked; an empty one if there is none."""
    for key in keys:
        values = values.get(key) if isinstance(values, dict) else None
    return values if isinstance(values, dict) else {}


def plan_name(root: Path) -> str:
    """Return the name of the plan that filled a work dir, or PLAN if it is none that ships."""
    try:
        noted = part_of(read_json(root / LOGS / PLAN_NOTE)).get('plan')
        found = config_file(str(noted))
    except (QAClimsError, OSError):
        return 'PLAN'
    # not a file of this name that lies here by chance
    return str(noted) if Path(found).stem == noted else 'PLAN'


class WorkDir:
    """The work dir of a plan; nothing is written into it, and nothing in it is executed.

    Args:
        root: The folder, or that of a project, whose ``work`` is meant.

    Raises:
        FormatError: If there is no ``metrics.json``, or a file is broken or of another schema.
        ConfigError: If the folder has one folder for each seed.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        if not self.root.is_dir():
            raise FormatError(f'there is no folder {self.root}.')
        if (self.root / PROJECT).is_file():
            # of a project, not what it has made
            self.root /= 'work'
            if not self.root.is_dir():
                raise FormatError(
                    f'{self.root} is not there, so the project has made nothing; run: qaclims run '
                    f'{self.root.parent}'
                )
        # before anything else: what a work dir of another version holds may look alike
        found_in = sorted(self.root.glob(f'*/{MANIFEST}'))
        self.manifests = {p.parent.name: Manifest.read(p.parent) for p in found_in}
        # the file of the work dir has what earlier runs found too, those of the stages are newer
        paths = [self.root / METRICS, *sorted(self.root.glob(f'*/{METRICS}'))]
        found = [read_metrics(p) for p in paths if p.is_file()]
        seeds = sorted(p.parent for p in self.root.glob(f'seed*/{METRICS}'))
        if seeds and not self.manifests and not (self.root / METRICS).is_file():
            raise ConfigError(
                f'{self.root} is a folder of seeds; a report is about one of them, '
                f'such as {seeds[0]}.'
            )
        if not found:
            raise FormatError(
                f'{self.root} has no {METRICS}, neither its own nor in a folder of a stage; '
                f'run: {self.command()}'
            )
        self.metrics = {stage: values for each in found for stage, values in each.items()}
        self.config = cache(self._config)
        self.dataset = cache(self._dataset)

    def command(self, stage: str = '') -> str:
        """Return the command line that makes what is missing."""
        until = f' --to {stage}' if stage else ''
        return f'qaclims run {self.plan}{until}'

    @cached_property
    def plan(self) -> str:
        """The words by which ``qaclims run`` finds this work dir."""
        if self.project:
            return shlex.quote(str(self.project))
        return f'{plan_name(self.root)} --work-dir {shlex.quote(str(self.root))}'

    @property
    def place(self) -> str:
        """The project or the work dir as a word of a command line."""
        return shlex.quote(str(self.project or self.root))

    @property
    def name(self) -> str:
        """Name of the project or of the work dir, for titles."""
        return (self.project or self.root).absolute().name

    @cached_property
    def project(self) -> Path | None:
        """Folder of the project that this is the work dir of, if it is one."""
        parent = self.root.parent
        return parent if self.root.name == 'work' and (parent / PROJECT).is_file() else None

    @cached_property
    def is_judged(self) -> bool:
        """Whether maps are compared with ground truth masks, as far as that is known."""
        evaluators = (self.config(MAPS) or {}).get('test_evaluator') or []
        evaluators = evaluators if isinstance(evaluators, list) else [evaluators]
        kinds = [part_of(e).get('type') for e in evaluators]
        return not kinds or 'CAMMetric' in kinds

    def unjudged(self, missing: str) -> MissingError:
        """Return why there is no curve of the maps.

        Args:
            missing: What is not there, a sentence without its end.
        """
        if not self.is_judged:
            command = f'qaclims init {self.plan} --masks FOLDER' if self.project else ''
            return MissingError(
                'There are no ground truth masks to compare with. To add those of some images, '
                + ('run:' if command else f'add a CAMMetric to the config of {MAPS}.'),
                command,
            )
        return MissingError(f'{missing}; run', self.command(MAPS))

    @cached_property
    def folders(self) -> list[str]:
        """Names of the folders of stages."""
        return sorted(
            p.name for p in self.root.iterdir() if p.is_dir() and not p.name.startswith('.')
        )

    @cached_property
    def seeds(self) -> list[str]:
        """Seeds of the stages that are done."""
        found = {str(m.extra['seed']) for m in self.manifests.values() if 'seed' in m.extra}
        return sorted(found)

    @property
    def of_seed(self) -> str:
        """Of which seed the numbers are, in words."""
        return f'seed {", ".join(self.seeds)}' if self.seeds else 'a seed that is not noted'

    @cached_property
    def runs(self) -> dict[str, Run]:
        """{stage: run} of the stages that ran."""
        return read_runs(self.root)

    @cached_property
    def curves(self) -> dict[str, Curve]:
        """{folder: curve over thresholds} of the stages that have one."""
        paths = sorted(self.root.glob(f'*/{CURVE}'))
        return {p.parent.name: read_curve(p) for p in paths}

    def config_files(self, folder: str) -> list[Path]:
        """Return what runs have written of their configs into a stage's folder.

        The ``.py`` files of mmengine are there for work dirs of older versions. They are text to a
        report, which executes nothing.
        """
        found = [run_config_path(self.root / folder, mode) for mode in MODES]
        found = [p for p in found if p.is_file()]
        return found or [p for p in sorted((self.root / folder).glob('*.py')) if p.is_file()]

    @cached_property
    def run_configs(self) -> list[dict[str, Any]]:
        """Configs of all runs of the stages, as values that nothing checked."""
        paths = (run_config_path(self.root / f, mode) for f in self.folders for mode in MODES)
        return [values for values in map(self._values, paths) if values is not None]

    def _config(self, folder: str) -> dict[str, Any] | None:
        """Return the config of a stage's test run, as values that nothing checked.

        ``None`` if the stage was not tested or the file cannot be used; ``dataset`` says which.
        """
        return self._values(run_config_path(self.root / folder, 'test'))

    @staticmethod
    def _values(path: Path) -> dict[str, Any] | None:
        try:
            return read_run_config(path).values
        except (FormatError, OSError):
            return None

    def _dataset(self, folder: str) -> ImageLevelDataset:
        """Return the test set of a stage.

        Raises:
            MissingError: If there is no config, it names a data set that a report does not build,
                or the data set is not there or broken.
        """
        path = run_config_path(self.root / folder, 'test')
        if not path.is_file():
            raise MissingError(
                f'{path}, which says where the images are, is not there: the stage was not tested, '
                'or by an older version; run',
                self.command(),
            )
        try:
            values = read_run_config(path).values
        except (FormatError, OSError) as error:
            raise MissingError(f'The images of {folder} are not shown: {error}') from error
        try:
            dataset = rebuild_dataset(moved_dataset(values, self.root))
            outdated = is_outdated(self.root / folder, dataset.class_names)
        except (QAClimsError, OSError) as error:
            raise MissingError(
                f'The data set of {folder} cannot be read ({error}); make the report in the '
                'folder in which the plan was run.'
            ) from error
        if outdated:
            raise MissingError(
                f'{self.root / folder} was made before classes were changed; run first:',
                self.command(),
            )
        return dataset

    def data_of(self, *folders: str) -> str:
        """Return on which images stages were tested, in words, by the first that has a config."""
        config = next((c for c in map(self.config, folders) if c), None)
        dataset = part_of(config, 'test_dataloader', 'dataset')
        if not dataset:
            return 'the test set'
        if dataset.get('project'):
            return f'the images of the project {Path(str(dataset["project"])).name}'
        number, root = dataset.get('indices'), dataset.get('data_root')
        first = f'the first {counted(number, "image")}' if isinstance(number, int) else 'the images'
        return f'{first} of {dataset.get("ann_file")}' + (f' in {root}' if root else '')

    @cached_property
    def corpus(self) -> VQACorpus | None:
        """The questions and answers; ``None`` if the stage has not finished."""
        folder = self.root / CORPUS
        return VQACorpus(folder) if (folder / MANIFEST).is_file() else None
