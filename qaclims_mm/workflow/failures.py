"""Why a stage has not been made."""

from collections.abc import Sequence
from pathlib import Path

from qaclims_mm.schemas.work_dir import LOGS, OUTPUTS
from qaclims_mm.workflow.engine import last_lines
from qaclims_mm.workflow.stage import Stage, lineage


def why_missing(root: Path, stages: Sequence[Stage], name: str) -> str:
    """Return why a stage is not made: the last words of the stage that failed, or ''.

    Args:
        root: Work dir.
        stages: The stages that ran.
        name: The stage; what it is made from may have failed.
    """
    above = lineage(name, stages)
    for stage in (s.name for s in stages if s.name in above):
        log, done = root / LOGS / f'{stage}.log', root / stage / OUTPUTS
        if log.is_file() and not done.is_file():
            last = (last_lines(log, 1) or ['no word'])[0].strip()
            return f'stage {stage} ended with: {last} (its log is {log})'
    return ''
