"""Measure CLIP on the true regions: python tools/clip_upper_bound.py CONFIG (of a RITC)."""

from pathlib import Path

from qaclims_mm.apis.upper_bound import clip_upper_bound
from qaclims_mm.engine.launch import base_parser, load_config, run_tool
from qaclims_mm.schemas import METRICS, update_metrics


def main() -> None:
    """Measure and write ``metrics.json``."""
    parser = base_parser(__doc__)
    cfg = load_config(parser.parse_args())
    metrics = {k: round(v, 4) for k, v in clip_upper_bound(cfg).items()}
    update_metrics(Path(cfg.work_dir) / METRICS, 'upper_bound', metrics)


if __name__ == '__main__':
    run_tool(main)
