"""Measure CLIP on the true regions: qaclims upper-bound CONFIG (of a RITC)."""

from pathlib import Path

from qaclims_mm.engine.parser import base_parser
from qaclims_mm.schemas import METRICS, update_metrics


def main() -> None:
    """Measure and write ``metrics.json``."""
    args = base_parser(__doc__).parse_args()
    # these take seconds, and --help does not need them
    from qaclims_mm.checks.upper_bound import clip_upper_bound
    from qaclims_mm.engine.config import load_config

    cfg = load_config(args)
    metrics = {k: round(v, 4) for k, v in clip_upper_bound(cfg).items()}
    update_metrics(Path(cfg.work_dir) / METRICS, 'upper_bound', metrics)
