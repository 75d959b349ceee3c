"""Draw MiniWorld: qaclims make-miniworld [--root data/miniworld]."""

import argparse

from qaclims_mm.console import new_console
from qaclims_mm.errors import QAClimsError
from qaclims_mm.miniworld import generate


def main() -> None:
    """Draw it, or keep it if it is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--root', default='data/miniworld', help='folder to fill')
    parser.add_argument('--num-train', type=int, default=1500, help='training pictures')
    parser.add_argument('--num-val', type=int, default=300, help='validation pictures')
    parser.add_argument('--seed', type=int, default=0, help='which world')
    parser.add_argument('--size', type=int, default=112, help='side of a picture in pixels')
    args = parser.parse_args()
    try:
        root = generate(args.root, args.num_train, args.num_val, args.seed, args.size)
    except QAClimsError:
        raise
    except ValueError as error:
        parser.error(str(error))
    new_console().print(f'MiniWorld: {args.num_train} + {args.num_val} pictures in {root}')
