"""What the stages of a work dir have made: their numbers, and what people take out of it."""

from pathlib import Path

from qaclims_mm.review.scores import score_stages
from qaclims_mm.schemas import MANIFEST, METRICS, read_metrics, write_json
from qaclims_mm.schemas.stage_folder import StageFolder
from qaclims_mm.schemas.work_dir import CAMS, PREDICTIONS, PSEUDO_MASKS
from qaclims_mm.workflow.plans import Plan

# {what people take out of a work dir: its folder in that of a stage}
MADE = {'maps': CAMS, 'masks': PSEUDO_MASKS, 'masks by the model': PREDICTIONS}


def collect_metrics(plan: Plan) -> dict[str, dict[str, float]]:
    """Write ``metrics.json`` of a work dir, {stage: {metric: value}}, from those of its stages.

    Where masks were corrected, each stage is also scored against these.
    """
    metrics: dict[str, dict[str, float]] = {}
    for stage in plan.all_stages:
        path = plan.root / stage.name / METRICS
        if path.is_file() and not _is_unfinished(path.parent):
            metrics |= read_metrics(path)
    for name, values in score_stages(plan.root).items():
        metrics[name] = metrics.get(name, {}) | values
    if metrics:
        write_json(plan.root / METRICS, metrics)
    return metrics


def _is_unfinished(folder: Path) -> bool:
    """Tell whether a run has begun a stage and not finished it; what it has is of no use yet."""
    return StageFolder(folder).is_begun and not (folder / MANIFEST).is_file()


def what_was_made(plan: Plan) -> dict[str, str]:
    """Return what people take out of a work dir, {what: where}, as far as it is there."""
    made: dict[str, str] = {}
    for stage in (s.at(plan.root) for s in plan.stages):
        folder = plan.root / stage.name
        if _is_unfinished(folder):
            continue
        for what, name in MADE.items():
            if (folder / name).is_dir():
                made[f'{what} of {stage.name}'] = str(folder / name)
        model = Path(str(stage.checkpoint))
        if stage.command == 'test' and model.is_file() and not _is_unfinished(model.parent):
            made[f'model {model.parent.name}'] = f'{stage.checkpoint} (config {stage.config})'
    # pictures and the report lie in the work dir itself
    stages = [s.at(plan.root) for s in plan.all_stages]
    old = {Path(m) for s in stages if _is_unfinished(plan.root / s.name) for m in s.made}
    pictures = sorted(str(p) for p in plan.root.glob('*.png') if p not in old)
    found = {'numbers': plan.root / METRICS, 'report': plan.root / 'report.html'}
    if made:
        # of a project of one's own
        found = {'values of masks': plan.path.with_name('classes.csv')} | found
    made |= {what: str(path) for what, path in found.items() if path.is_file() and path not in old}
    return made | ({'pictures': ', '.join(pictures)} if pictures else {})
