"""Train the segmentor of a plan on other masks: ``qaclims run --masks-by``."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from qaclims_mm.errors import ConfigError
from qaclims_mm.schemas.mask_choice import DEFAULT, MASKS_BY, TITLES, MaskChoice
from qaclims_mm.schemas.stage_folder import WORK_DIR
from qaclims_mm.schemas.work_dir import PSEUDO_MASKS
from qaclims_mm.workflow.fingerprint import read_stage_config
from qaclims_mm.workflow.stage import Stage, lineage

# in the arguments of a stage: stands for the masks of the choice, as visualize-cams takes them
MASKS = '{masks}'
_MAPS = ('qa_clims_export', 'qa_clims_maps')
_SEGMENTED = 'segment_test'


class Chosen(NamedTuple):
    """The stages of a plan after a choice.

    Attributes:
        main: Stages that ``qaclims run`` makes.
        others: Stages of suites and of other choices.
        choice: Choice of masks; ``None`` for a plan without masks to choose from.
    """

    main: list[Stage]
    others: list[Stage]
    choice: MaskChoice | None


def options_of(stages: Sequence[Stage]) -> dict[str, tuple[str, str]]:
    """Return {choice: (stage of the masks to train on, stage of the masks to score)} of a plan."""
    names = {s.name for s in stages}
    found = {option: [n for n in own if n in names] for option, own in MASKS_BY.items()}
    return {option: (own[0], own[-1]) for option, own in found.items() if own}


def choose_masks(
    path: str | Path, main: Sequence[Stage], others: Sequence[Stage], masks_by: str
) -> Chosen:
    """Train the segmentor of a plan on the masks of a choice.

    Stages that only the default choice, IRN, needs move to ``others``. If the choice needs no maps,
    only the stages of the segmentor and its report remain.

    Args:
        path: File of the plan.
        main: Stages of the plan.
        others: Comparators of the plan.
        masks_by: One of ``MASKS_BY``.

    Raises:
        ConfigError: If the plan has no stage for the choice.
    """
    options = options_of([*main, *others])
    if masks_by not in list(options):  # a plan may give anything
        if masks_by == DEFAULT:
            return Chosen([*main], [*others], None)
        raise ConfigError(
            f'{path} has no stage that makes masks by {masks_by}; it has '
            f'{", ".join(options) or "none to choose from"}. To update a project of an earlier '
            'version, run qaclims init on it.'
        )
    trained, judged = options[masks_by]
    choice = MaskChoice(masks_by, trained)
    word = f'{TITLES[masks_by]}={WORK_DIR}/{judged}/{PSEUDO_MASKS}'
    named = [replace(s, args=tuple(word if a == MASKS else a for a in s.args)) for s in main]
    if masks_by == DEFAULT:
        return Chosen(named, [*others], choice)
    old = {*options.get(DEFAULT, ())}
    known = [_rewired(s, old, trained) for s in (*named, *others)]
    wanted = _wanted(known, {s.name for s in main}, old, trained)
    kept = [_trimmed(s, wanted) for s in known if s.name in wanted]
    return Chosen(kept, [s for s in known if s.name not in wanted], choice)


def _rewired(stage: Stage, old: set[str], new: str) -> Stage:
    """Return a stage that reads the masks of another stage, and passes its name to the config."""
    needs = dict.fromkeys(new if name in old else name for name in stage.needs)
    return replace(stage, needs=tuple(needs), masks=new)


def _wanted(stages: Sequence[Stage], main: set[str], old: set[str], new: str) -> set[str]:
    """Return the names of the stages that a choice needs."""
    by_name = {s.name: s for s in stages}
    reports = {n for n in main if by_name[n].command == 'report'}
    unused = {n for name in old for n in lineage(name, stages)}
    if lineage(new, stages) & {*_MAPS}:
        ends = main - unused - reports
    else:
        using = {n for n in main - reports if new in lineage(n, stages)}
        ends = main & {_SEGMENTED} or using
    return {n for end in ends for n in lineage(end, stages)} | reports


def _trimmed(stage: Stage, wanted: set[str]) -> Stage:
    """Return a stage without the needs that no stage makes; a report shows what exists."""
    return replace(stage, needs=tuple(n for n in stage.needs if n in wanted))


def check_masks(stages: Sequence[Stage], root: Path, choice: MaskChoice | None) -> None:
    """Refuse a training whose config does not read the masks of the choice.

    Args:
        stages: Stages of a plan.
        root: Work dir.
        choice: Choice of the plan.

    Raises:
        ConfigError: If a training does not read them.
    """
    if choice is None or choice.masks_by == DEFAULT:
        return
    folder = str(root / choice.stage / PSEUDO_MASKS)
    for stage in stages:
        if stage.command != 'train' or choice.stage not in stage.needs:
            continue
        dataset = read_stage_config(stage, root)['train_dataloader']['dataset']
        if folder not in [step.get('masks') for step in dataset.get('pipeline') or []]:
            raise ConfigError(
                f'{stage.config} does not read the masks by {choice.masks_by}. Give its LoadMask '
                'masks=f\'{_base_.root}/{_base_.masks_by or "irn_masks"}/pseudo_masks\'. To update '
                'a project of an earlier version, run qaclims init on it.'
            )
