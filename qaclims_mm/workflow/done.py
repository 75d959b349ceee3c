"""Which stages of a plan are done, and from what each was made: ``done/`` of its work dir."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qaclims_mm.errors import FormatError, QAClimsError, StageError
from qaclims_mm.schemas import (
    MANIFEST,
    Manifest,
    claim_path,
    hash_config,
    manifest_hash,
    read_claim,
    read_json,
    write_claim,
)
from qaclims_mm.schemas.work_dir import DONE
from qaclims_mm.version import __version__
from qaclims_mm.workflow.plan import Plan, Stage
from qaclims_mm.workflow.stage_config import hash_stage_config

CHANGED = 'changed'


class DoneStages:
    """Tells what is done by the manifest of each stage.

    Args:
        plan: What runs, and where.
        seed: Seed of the seeded stages.
    """

    def __init__(self, plan: Plan, seed: int = 0) -> None:
        self.plan, self.seed, self.folder = plan, seed, plan.root / DONE

    def expected(self, stage: Stage) -> Manifest:
        """Return the manifest that a stage has when it is done with what is there now.

        Raises:
            StageError: If a stage that it needs is not done.
        """
        root = self.plan.root
        config = hash_stage_config(stage, self.plan.folder(stage), root) if stage.config else ''
        what = dict(
            tool=stage.tool,
            args=stage.args,
            config=config,
            checkpoint=stage.checkpoint,
            work_dir=str(root),
        )
        return Manifest(
            stage.name,
            hash_config(what),
            inputs={n: self._input_hash(stage, n) for n in stage.needs},
            extra=dict(seed=self.seed) if stage.seeded else {},
        )

    def _input_hash(self, stage: Stage, need: str) -> str:
        try:
            return manifest_hash(self.folder / need)
        except FormatError as error:
            raise StageError(
                f'stage {stage.name} needs stage {need}, which has not finished in '
                f'{self.plan.root}; run: {command_of(self.plan)} --to {need}'
            ) from error

    def is_done(self, stage: Stage) -> bool:
        """Tell whether a stage's manifest matches its config and its inputs."""
        try:
            return Manifest.read(self.folder / stage.name) == self.expected(stage)
        except QAClimsError:
            return False

    def state(self, stage: Stage) -> str:
        """Return ``done``, ``changed`` (made from something else), ``begun`` or ``to do``."""
        if self.is_done(stage):
            return 'done'
        if (self.folder / stage.name / MANIFEST).is_file():
            return CHANGED
        return 'begun' if self.is_begun(stage) else 'to do'

    def is_begun(self, stage: Stage) -> bool:
        """Tell whether a run has begun a stage, from whatever."""
        return claim_path(self.folder / stage.name).is_file()

    def begin(self, stage: Stage) -> Manifest:
        """Mark a stage as begun, so that no run goes on with what another one left.

        Returns the manifest that it has when it is done.

        Raises:
            StageError: If it was begun from something else.
        """
        folder, manifest = self.folder / stage.name, self.expected(stage)
        begun = dict(config=manifest.config_hash, inputs=manifest.inputs, **manifest.extra)
        if self.is_begun(stage) and (other := _differences(read_claim(folder), begun)):
            raise StageError(
                f'stage {stage.name} was begun in {self.plan.root} with another {other}'
                f'{_other_version(folder)}; '
                f'choose another --work-dir, or delete {self.plan.folder(stage)} and {folder} '
                'to make it anew. (qaclims run can keep its files and go on behind it: --from.)'
            )
        write_claim(folder, begun)
        return manifest

    def end(self, stage: Stage, manifest: Manifest) -> None:
        """Mark a stage as done, from what its manifest says."""
        manifest.write(self.folder / stage.name)


def command_of(plan: Plan, work_dir: object = None) -> str:
    """Return the command line that runs a plan in its work dir or in another one."""
    words = ['qaclims', 'run', plan.path, '--work-dir', work_dir or plan.root]
    return shlex.join(map(str, words))


def _differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Return in what two claims of a stage differ, in words."""
    made, inputs = found.get('inputs', {}), wanted['inputs']
    names = sorted(n for n in {*made, *inputs} if made.get(n) != inputs.get(n))
    parts = ['config'] if found.get('config') != wanted['config'] else []
    parts += [f'seed ({found.get("seed")})'] if found.get('seed') != wanted.get('seed') else []
    return ' and '.join([*parts, *([f'input ({", ".join(names)})'] if names else [])])


def _other_version(folder: Path) -> str:
    """Return by which version a stage was done, if by another one."""
    found = read_json(folder / MANIFEST) if (folder / MANIFEST).is_file() else {}
    made = found.get('version', __version__) if isinstance(found, dict) else __version__
    return '' if made == __version__ else f' (by version {made}; this is {__version__})'
