"""Find out why a stage is missing."""

from collections.abc import Sequence
from pathlib import Path

from qaclims_mm.schemas.work_dir import LOGS, OUTPUTS
from qaclims_mm.workflow.engine import last_lines
from qaclims_mm.workflow.stage import Stage, lineage


def why_missing(root: Path, stages: Sequence[Stage], name: str) -> str:
    """Return why a stage is missing: the last line of the stage that failed, or ''.

    Args:
        root: Work dir.
        stages: Stages that ran.
        name: Name of the stage. The failed stage may be one that it depends on.
    """
    above = lineage(name, stages)
    for stage in (s.name for s in stages if s.name in above):
        log, done = root / LOGS / f'{stage}.log', root / stage / OUTPUTS
        if log.is_file() and not done.is_file():
            last = (last_lines(log, 1) or ['no message'])[0].strip()
            return f'stage {stage} failed with: {last} (log: {log})'
    return ''
