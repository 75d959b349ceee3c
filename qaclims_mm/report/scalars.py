"""What trainings have logged, step by step."""

import json
from pathlib import Path

from qaclims_mm.report.work_dir import part_of
from qaclims_mm.schemas.files import is_number, problem_of_file


def read_scalars(folder: Path) -> list[dict[str, float]]:
    """Return what a training has logged, in the order of its steps.

    A step that was done twice, since a killed run went on from a checkpoint before it, is that of
    the later run; a line that was cut is left out.

    Args:
        folder: Folder of the stage.
    """
    found: dict[float, dict[str, float]] = {}
    for path in sorted(folder.glob('*/vis_data/scalars.json')):
        # opened, a pipe would wait for ever
        if problem_of_file(path):
            continue
        for line in path.read_text(encoding='utf-8', errors='replace').splitlines():
            try:
                entry = json.loads(line)
            except (ValueError, RecursionError):
                continue
            numbers = {k: v for k, v in part_of(entry).items() if is_number(v)}
            step = numbers.get('step', 0)
            found[step] = found.get(step, {}) | numbers
    return [found[step] for step in sorted(found)]
