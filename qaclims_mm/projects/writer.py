"""Make or update a project: tables of labels and classes, a config a stage, and the plan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from qaclims_mm.errors import ConfigError, DataError
from qaclims_mm.projects.before import PLAN, Before, read_before
from qaclims_mm.projects.changes import describe_changes
from qaclims_mm.projects.checks import Checked
from qaclims_mm.projects.costs import Work, estimate
from qaclims_mm.projects.presets import PRESETS, Preset
from qaclims_mm.projects.templates import Amount, config_texts, plan_text
from qaclims_mm.projects.update import describe_files, plan_update, write_update
from qaclims_mm.schemas.labels import labels_bytes
from qaclims_mm.schemas.names import counted, problem_of_line, shown_name, shown_text
from qaclims_mm.schemas.numbers.costs import Cost, write_costs
from qaclims_mm.schemas.project import (
    LABELS,
    PROJECT,
    ProjectTables,
    project_bytes,
    with_gap,
)
from qaclims_mm.schemas.project_options import Options

COSTS = 'costs.json'
_COST_SOURCE = 'estimates from two cores, scaled to this machine by its matrix products'
MAX_EPOCHS = 300


@dataclass(frozen=True)
class Project:
    """What a project is made of.

    Attributes:
        folder: Where its files go.
        options: From what it is made.
        checked: Images, labels and classes.
        masks: Folder of ground truth masks with the values of its classes, for scores.
        names: {class as it was: its name now} of a project that is updated.
    """

    folder: Path
    options: Options
    checked: Checked
    masks: Path | None = None
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def preset(self) -> Preset:
        """Its networks."""
        return PRESETS[self.options.preset]

    def amounts(self) -> dict[str, Amount]:
        """Return {training: epochs, images a step, and steps}."""
        number, amounts = len(self.checked.rows), {}
        for stage, steps in self.preset.steps.items():
            batch = min(self.preset.batch_size[stage], number)
            an_epoch = max(1, number // batch)
            own = min(MAX_EPOCHS, max(1, round(steps / an_epoch)))
            epochs = self.options.epochs or own
            amounts[stage] = Amount(epochs, batch, epochs * an_epoch)
        return amounts

    def costs(self, rate: float) -> dict[str, tuple[float, float]]:
        """Return minutes and megabytes of each stage, see ``costs.estimate``."""
        work = Work(
            sizes=self.checked.sizes,
            pairs=sum(self.checked.counts.values()),
            seen={stage: a.batch_size * a.steps for stage, a in self.amounts().items()},
            max_side=self.preset.max_side,
        )
        return estimate(work, self.preset.seconds, self.preset.checkpoint, rate)


class Written(NamedTuple):
    """What ``write_project`` has done.

    Attributes:
        plan: The plan.
        changes: What has changed of a project that was there, in words.
    """

    plan: Path
    changes: list[str]


def write_project(project: Project, rate: float, new_masks: int = 0) -> Written:
    """Write a project, or update the one that its folder has.

    Args:
        project: What it is made of.
        rate: FLOPs a second of this machine, by which the time is estimated.
        new_masks: How many ground truth masks were converted to other ones than there were.

    Raises:
        ConfigError: As ``check_project``, or if its folder has something else.
        DataError: As ``check_project``.
    """
    checked, folder = project.checked, project.folder
    before = read_before(folder)
    check_project(project, before)
    update = plan_update(before, _contents(project, before))
    write_update(folder, project.options, update)
    costs = {stage: Cost(*cost) for stage, cost in project.costs(rate).items()}
    write_costs(folder / COSTS, _COST_SOURCE, costs)
    changes = describe_files(update)
    if not before.is_new:
        lines = describe_changes(before, checked.rows, checked.classes, project.names)
        changes = [*lines, *_describe_epochs(project.options, before.options), *changes]
        changes += [counted(new_masks, 'converted mask', 'change')] * bool(new_masks)
        changed = [name for name in update.new if name.startswith(('configs/', PLAN))]
        changes += [f'configs that change: {", ".join(changed)}'] * bool(changed)
        others = f'{PROJECT} has other folders or other names of classes'
        changes = changes or [others if PROJECT in update.new else 'nothing has changed']
    return Written(folder / PLAN, changes)


def _describe_epochs(options: Options, before: Options | None) -> list[str]:
    """Return a line if the number of epochs is another one than before."""
    if before is None or before.epochs == options.epochs:
        return []
    old, new = (str(o.epochs or f'those of the preset {o.preset}') for o in (before, options))
    return [f'epochs of each training: {old} -> {new}']


def _contents(project: Project, before: Before) -> dict[str, bytes]:
    """Return {file: content} in the order in which files are written."""
    checked, options = project.checked, project.options
    aliases: dict[str, Sequence[str]] = dict(checked.aliases)
    if PROJECT in before.edited or options.labels == project.folder / LABELS:
        # the table has the new names already, and a person may have added others
        aliases = {n: o for n, o in before.aliases.items() if n in checked.classes} | aliases
    classes = with_gap(checked.classes)
    tables = ProjectTables(options.images, classes, project.masks, aliases)
    with_masks = project.masks is not None
    texts = config_texts(project.preset, project.amounts(), with_masks)
    stages = tuple(name for name in texts if name != 'data')
    return {
        LABELS: labels_bytes(checked.rows),
        **project_bytes(project.folder, tables),
        **{f'configs/{name}.py': text.encode() for name, text in texts.items()},
        PLAN: plan_text(stages, with_masks).encode(),
    }


def check_project(project: Project, before: Before) -> None:
    """Refuse a project of nothing or of two presets, and names that no log and JSON could hold.

    Args:
        project: What is to be made.
        before: What its folder has.

    Raises:
        ConfigError: If a folder or file has such a name, or the preset changes while a person has
            changed configs or the plan.
        DataError: If there is no image or class.
    """
    options, checked = project.options, project.checked
    files = options.labels, options.masks_colours
    for path in (project.folder, options.images, project.masks, options.masks, *files):
        problem = problem_of_line(str(path.absolute())) if path else ''
        if problem:
            what = 'file' if path in files else 'folder'
            raise ConfigError(f'{what} {shown_name(str(path))}: {problem}; rename it.')
    if not checked.rows or not checked.counts:
        why = 'see the problems above' if checked.problems else 'the labels have no row with one'
        raise DataError(
            f'no image of {shown_text(options.images)} can be used with a label; {why}.'
        )
    _check_preset(project, before)


def _check_preset(project: Project, before: Before) -> None:
    """Refuse to mix configs that a person has changed with those of another preset."""
    old, new = before.options and before.options.preset, project.options.preset
    if old in (None, new):
        return
    if kept := plan_update(before, _contents(project, before)).kept:
        raise ConfigError(
            f'the preset cannot become {new}: {", ".join(map(shown_text, kept))} of the preset '
            f'{old} were changed by hand. Move them out of the project, or keep --preset {old}.'
        )
