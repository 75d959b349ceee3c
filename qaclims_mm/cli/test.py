"""Run a stage without training: qaclims test CONFIG CHECKPOINT (or none)."""

from qaclims_mm.engine.parser import base_parser


def main() -> int:
    """Test and return the exit status."""
    parser = base_parser(__doc__)
    parser.add_argument('checkpoint', help='file, miniworld://... or https://..., or none')
    parser.add_argument(
        '--tta', action='store_true', help='segmentors: over the scales and flips of tta_pipeline'
    )
    args = parser.parse_args()
    # these take seconds, and --help does not need them
    from qaclims_mm.engine.config import load_config
    from qaclims_mm.engine.runner import build_runner, exit_status
    from qaclims_mm.engine.switches import use_test_time_augmentation

    cfg = load_config(args)
    cfg.load_from = None if args.checkpoint == 'none' else args.checkpoint
    if args.tta:
        use_test_time_augmentation(cfg)
    runner = build_runner(cfg, 'test')
    runner.test()
    return exit_status(runner)
