"""The masks of a work dir, with their images and classes. Nothing in a work dir is executed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qaclims_mm.datasets.image_level import ImageLevelDataset
from qaclims_mm.datasets.rebuild import rebuild_dataset
from qaclims_mm.errors import ConfigError, FormatError, QAClimsError
from qaclims_mm.schemas import read_run_config, run_config_path
from qaclims_mm.schemas.files import problem_of_file
from qaclims_mm.schemas.mask_choice import read_choice
from qaclims_mm.schemas.names import shown_name, shown_text
from qaclims_mm.schemas.project import CLASSES, PROJECT, read_project_classes
from qaclims_mm.schemas.work_dir import IR_LABELS, PREDICTIONS, PSEUDO_MASKS

# folders of masks and stages that fill them, the end of the way first
_KINDS = (PREDICTIONS, PSEUDO_MASKS, IR_LABELS)
_STAGES = ('segment_test', 'irn_masks')


@dataclass(frozen=True)
class StageMasks:
    """Masks that a stage has made.

    Attributes:
        stage: Name of the stage.
        folder: Folder of ``<image_id>.png``.
        images: {image id: file}.
        classes: Names without the background, in the order of the masks' values; those with which
            the stage was made.
        is_outdated: Whether the project or data set has other classes now.
    """

    stage: str
    folder: Path
    images: Mapping[str, Path]
    classes: tuple[str, ...]
    is_outdated: bool = False


def find_masks(work: str | Path, stage: str | None = None) -> StageMasks:
    """Return the masks of a stage.

    Args:
        work: Work dir, or folder of a project, whose ``work`` is meant.
        stage: Name of the stage; by default the last one that has masks.

    Raises:
        FormatError: If there is no such folder, or nothing says where the images are.
        ConfigError: If no stage, or not this one, has masks.
    """
    root = Path(work)
    if not root.is_dir():
        raise FormatError(f'there is no folder {shown_text(root)}.')
    root = root / 'work' if (root / PROJECT).is_file() else root
    folders = {folder.parent.name: folder for folder in _mask_folders(root)}
    if not folders:
        raise ConfigError(_without_masks(root))
    chosen = stage or next(iter(folders))
    if chosen not in folders:
        raise ConfigError(
            f'stage {shown_name(chosen)} has no masks in {shown_text(root)}; '
            f'{", ".join(folders)} {"has" if len(folders) == 1 else "have"} masks.'
        )
    own = classes_of_stage(root / chosen)
    dataset = _dataset(root, chosen, own is not None)
    images = {r['image_id']: Path(r['img_path']) for r in dataset.iterate_records()}
    now = dataset.class_names
    outdated = is_outdated(root / chosen, now)
    return StageMasks(chosen, folders[chosen], images, own or now, outdated)


def classes_of_stage(folder: Path) -> tuple[str, ...] | None:
    """Return the classes with which a stage was made, without the background.

    Args:
        folder: Folder of the stage.

    Returns:
        ``None`` if the stage has not noted them.

    Raises:
        FormatError: If its table is broken.
    """
    if problem_of_file(folder / CLASSES) == 'is missing':
        return None
    return read_project_classes(folder, 'run its stage again')


def is_outdated(folder: Path, classes: Sequence[str]) -> bool:
    """Tell whether a stage was made with other classes than those that there are now.

    Args:
        folder: Folder of the stage.
        classes: Names without the background.

    Raises:
        FormatError: As ``classes_of_stage``.
    """
    return classes_of_stage(folder) not in (None, tuple(classes))


def _mask_folders(root: Path) -> Iterator[Path]:
    """Yield the folders with masks, those of the last stage first."""
    choice = read_choice(root)
    stages = [_STAGES[0], *([choice.stage] if choice else []), *_STAGES[1:]]
    for kind in _KINDS:
        found = [p for p in sorted(root.glob(f'*/{kind}')) if next(p.rglob('*.png'), None)]
        names = [p.parent.name for p in found]
        first = [found[names.index(name)] for name in stages if name in names]
        yield from (*first, *(p for p in found if p not in first))


def _without_masks(root: Path) -> str:
    """Return why a folder has no masks."""
    seeds = [p.parent for p in _mask_folders_of_seeds(root)]
    if seeds:
        return (
            f'{shown_text(root)} is a folder of seeds; give one of them, such as '
            f'{shown_text(seeds[0].parent)}.'
        )
    return (
        f'{shown_text(root)} has no masks: no stage has filled {", ".join(_KINDS)}; run the plan '
        'first (qaclims run), or give its work dir.'
    )


def _mask_folders_of_seeds(root: Path) -> list[Path]:
    return [folder for seed in sorted(root.glob('seed*')) for folder in _mask_folders(seed)]


def _dataset(root: Path, stage: str, has_classes: bool) -> ImageLevelDataset:
    """Return the images that a stage was made from.

    Args:
        root: Work dir.
        stage: Name of the stage.
        has_classes: Whether the stage has noted its classes, so that a project may have more now.

    Raises:
        FormatError: If no test run says, or they are not there.
    """
    own = run_config_path(root / stage, 'test')
    # a stage without a network has no test run, but the images of the others
    paths = [p for p in (own, *sorted(root.glob(f'*/{own.name}'))) if p.is_file()]
    if not paths:
        raise FormatError(
            f'{shown_text(own)}, which says where the images are, is not there; run the plan again '
            '(qaclims run).'
        )
    values = read_run_config(paths[0]).values
    try:
        dataset = moved_dataset(values, root)
        if has_classes and isinstance(dataset, dict):
            dataset = {k: v for k, v in dataset.items() if k != 'num_classes'}
        return rebuild_dataset(dataset)
    except (QAClimsError, OSError) as error:
        raise FormatError(
            f'the images of {shown_text(paths[0])} cannot be read ({error}); start it in the '
            'folder in which the plan was run.'
        ) from error


def moved_dataset(values: Mapping[str, Any], root: Path) -> object:
    """Return the config of a test run's data set, whose project is where the work dir is.

    Args:
        values: Config of the run, as values that nothing checked.
        root: Work dir. Its project may have been moved since the run.
    """
    loader = values.get('test_dataloader')
    dataset = loader.get('dataset') if isinstance(loader, dict) else None
    if not isinstance(dataset, dict):
        return dataset
    # a project may have been moved
    here = (root.parent / PROJECT).is_file()
    return dataset | dict(project=str(root.parent)) if here and dataset.get('project') else dataset
