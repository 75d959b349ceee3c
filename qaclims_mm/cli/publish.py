"""Write a checkpoint's weights for others: qaclims publish EPOCH.pth MODEL.safetensors."""

import argparse

from qaclims_mm.console import new_console


def main() -> int:
    """Write the file and print its size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('checkpoint', help='of a training')
    parser.add_argument('out', help='file, which ends in .safetensors')
    parser.add_argument('--full', action='store_true', help='keep 32 bits a weight')
    args = parser.parse_args()
    # these take seconds, and --help does not need them
    from qaclims_mm.convert.publishing import publish

    size = publish(args.checkpoint, args.out, half=not args.full)
    new_console().print(f'{args.out}: {size / 1e6:.1f} MB', soft_wrap=True)
    return 0
