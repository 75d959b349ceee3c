"""Run a stage without training: qaclims test CONFIG CHECKPOINT (or none)."""

from qaclims_mm.engine.parser import base_parser
from qaclims_mm.engine.shards import HELP, parse_shard


def main() -> int:
    """Test and return the exit status."""
    parser = base_parser(__doc__)
    parser.add_argument('checkpoint', help='file, miniworld://... or https://..., or none')
    parser.add_argument(
        '--tta', action='store_true', help='segmentors: over the scales and flips of tta_pipeline'
    )
    parser.add_argument('--out', metavar='FOLDER', help='segmentors: write the masks, as PNG')
    parser.add_argument('--show', action='store_true', help='segmentors: show masks in a window')
    parser.add_argument(
        '--show-dir', help='segmentors: draw masks over the images, into its vis_data/vis_image'
    )
    parser.add_argument(
        '--wait-time', type=float, default=2, help='seconds that --show shows a picture'
    )
    parser.add_argument('--shard', type=parse_shard, metavar='K/N', help=HELP)
    args = parser.parse_args()
    # these take seconds, and --help does not need them
    from qaclims_mm.engine.config import load_config
    from qaclims_mm.engine.runner import build_runner, exit_status
    from qaclims_mm.engine.switches import (
        draw_predictions,
        limit_to_shard,
        use_test_time_augmentation,
        write_predictions,
    )

    cfg = load_config(args)
    cfg.load_from = None if args.checkpoint == 'none' else args.checkpoint
    if args.show or args.show_dir:
        draw_predictions(cfg, args.show, args.show_dir, args.wait_time)
    if args.out:
        write_predictions(cfg, args.out)
    if args.tta:
        use_test_time_augmentation(cfg)
    if args.shard:
        limit_to_shard(cfg, args.shard)
    runner = build_runner(cfg, 'test')
    runner.test()
    return exit_status(runner)
