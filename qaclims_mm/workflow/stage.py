"""A stage: one run of a sub-command."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from qaclims_mm.schemas.stage_folder import WORK_DIR

# sub-commands that share their work among ranks
RANKED = ('train', 'test')


# where a config has the seed of its training
SEED_OPTION = 'randomness.seed'


@dataclass(frozen=True)
class Stage:
    """One run of a sub-command, which fills the folder of its name.

    ``{work_dir}`` in ``args``, ``made`` and ``checkpoint`` stands for the work dir, see ``at``.

    Attributes:
        name: Name in the plan and of the folder below the work dir.
        command: Sub-command of ``qaclims``.
        about: What it does, in a few words.
        config: Config that the sub-command takes, or ``None``.
        checkpoint: Checkpoint that ``test`` takes, or ``none``.
        args: Further words of the command line.
        needs: Names of the stages whose files it reads.
        made: What it writes elsewhere than in its folder: files or folders.
        seeded: Whether the seed concerns it.
        seed_option: Dotted key of the config that gets the seed.
        ranks: Number of ranks that its training is configured for; ``None`` is any.
        rule: Name of its Snakemake rule: of a variant the stage that it varies, else its own.
        minutes: How long it takes, by the plan's ``costs``; ``None`` is unknown.
        megabytes: How much it writes, by the same; ``None`` is unknown.
        masks: Stage whose masks segmentors are trained on, for its config; '' is the config's own.
        labels: Table of labels that VOC's data sets read, for its config; '' is their XML files.
    """

    name: str
    command: str
    about: str = ''
    config: str | None = None
    checkpoint: str | None = None
    args: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    seeded: bool = False
    seed_option: str = SEED_OPTION
    ranks: int | None = None
    rule: str = ''
    minutes: float | None = None
    megabytes: float | None = None
    masks: str = ''
    labels: str = ''

    def at(self, root: Path) -> 'Stage':
        """Return the stage with its work dir in what names it; other strings are data."""
        args, made = (
            tuple(word.replace(WORK_DIR, str(root)) for word in words)
            for words in (self.args, self.made)
        )
        checkpoint = self.checkpoint and self.checkpoint.replace(WORK_DIR, str(root))
        return replace(self, args=args, made=made, checkpoint=checkpoint)


def lineage(name: str, stages: Sequence[Stage]) -> set[str]:
    """Return the names of a stage and of all that it is made from, directly or not."""
    needs = {s.name: s.needs for s in stages}
    found, left = set(), [name]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += needs[name]
    return found
