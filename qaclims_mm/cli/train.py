"""Train a stage: qaclims train CONFIG [--resume] [--amp] [--auto-scale-lr]."""

from qaclims_mm.engine.parser import base_parser


def main() -> int:
    """Train and return the exit status."""
    parser = base_parser(__doc__)
    parser.add_argument(
        '--amp', action='store_true', help='mixed precision: bfloat16, on GPUs without it float16'
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate by images a step over auto_scale_lr.base_batch_size',
    )
    parser.add_argument(
        '--resume',
        nargs='?',
        type=str,
        const='auto',
        help='go on from the last checkpoint of work_dir, or from the one given',
    )
    args = parser.parse_args()
    # these take seconds, and --help does not need them
    from qaclims_mm.engine.config import load_config
    from qaclims_mm.engine.runner import build_runner, exit_status
    from qaclims_mm.engine.switches import (
        resume_from,
        scale_learning_rate,
    )

    cfg = load_config(args)
    if args.amp:
        from qaclims_mm.engine.mixed_precision import mixed_precision_wrapper

        cfg.optim_wrapper.type = mixed_precision_wrapper()
    if args.auto_scale_lr:
        scale_learning_rate(cfg)
    if args.resume:
        resume_from(cfg, None if args.resume == 'auto' else args.resume)
    runner = build_runner(cfg, 'train')
    runner.train()
    return exit_status(runner)
