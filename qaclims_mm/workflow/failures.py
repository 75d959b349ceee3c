"""Find out why a stage is missing."""

from collections.abc import Sequence
from pathlib import Path

from qaclims_mm.schemas import MANIFEST
from qaclims_mm.schemas.work_dir import LOGS
from qaclims_mm.workflow.engine import last_lines, message_of
from qaclims_mm.workflow.stage import Stage, lineage


def failed_stages(root: Path, stages: Sequence[Stage], since: float = 0) -> dict[str, str]:
    """Return {stage: why it failed, with the whole message and the log}.

    Args:
        root: Work dir.
        stages: Stages that ran.
        since: Time of a run; older failures are left out.
    """
    found = {}
    for name in (s.name for s in stages):
        log, done = root / LOGS / f'{name}.log', root / name / MANIFEST
        if log.is_file() and not done.is_file() and log.stat().st_mtime >= since:
            lines = message_of(log) or last_lines(log, 1) or ['no message']
            text = '\n'.join(lines).strip().removeprefix('error: ')
            found[name] = f'stage {name} failed: {text} (log: {log})'
    return found


def why_missing(root: Path, stages: Sequence[Stage], name: str) -> str:
    """Return why a stage is missing: the message of the stage that failed, or ''.

    Args:
        root: Work dir.
        stages: Stages that ran.
        name: Name of the stage. The failed stage may be one that it depends on.
    """
    above = lineage(name, stages)
    return next(iter(failed_stages(root, [s for s in stages if s.name in above]).values()), '')
