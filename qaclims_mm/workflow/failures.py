"""Find out why a stage is missing."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from qaclims_mm.schemas import MANIFEST
from qaclims_mm.schemas.work_dir import LOGS
from qaclims_mm.workflow.engine import last_lines, message_of
from qaclims_mm.workflow.stage import Stage, lineage

_SHARD = r'-\d+-of-\d+'
Stamps = Mapping[Path, tuple[int, int]]


def stamp_logs(root: Path) -> dict[Path, tuple[int, int]]:
    """Return {log: its date and size} of a work dir, by which a later run is told from it.

    The disk may be of another machine, whose clock is another one.
    """
    logs = (root / LOGS).glob('*.log')
    return {log: (log.stat().st_mtime_ns, log.stat().st_size) for log in logs}


def failed_stages(
    root: Path, stages: Sequence[Stage], before: Stamps | None = None
) -> dict[str, str]:
    """Return {stage: why it failed, with the whole message and the log}.

    Args:
        root: Work dir.
        stages: Stages that ran.
        before: What ``stamp_logs`` returned before a run; older failures are left out.
    """
    now, before = stamp_logs(root), before or {}
    new = {log: stamp for log, stamp in now.items() if before.get(log) != stamp}
    found = {}
    for name in (s.name for s in stages):
        own = [log for log in new if re.fullmatch(f'{re.escape(name)}({_SHARD})?', log.stem)]
        if own and not (root / name / MANIFEST).is_file():
            found[name] = _describe(name, sorted(own, key=new.__getitem__, reverse=True))
    return found


def _describe(name: str, logs: Sequence[Path]) -> str:
    """Return why a stage failed, by the last of its logs that has a message.

    Args:
        name: Name of the stage.
        logs: Its log and those of its shards, the last first; some shards may have ended well.
    """
    log = next((log for log in logs if message_of(log) or _is_broken_off(log)), logs[0])
    lines = message_of(log) or last_lines(log, 1) or ['no message']
    text = '\n'.join(lines).strip().removeprefix('error: ')
    return f'stage {name} failed: {text} (log: {log})'


def _is_broken_off(log: Path) -> bool:
    return any(line.startswith('Traceback') for line in last_lines(log, 0))


def why_missing(root: Path, stages: Sequence[Stage], name: str) -> str:
    """Return why a stage is missing: the message of the stage that failed, or ''.

    Args:
        root: Work dir.
        stages: Stages that ran.
        name: Name of the stage. The failed stage may be one that it depends on.
    """
    above = lineage(name, stages)
    return next(iter(failed_stages(root, [s for s in stages if s.name in above]).values()), '')
