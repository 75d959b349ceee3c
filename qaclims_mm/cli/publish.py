"""Write a checkpoint's weights for others: qaclims publish EPOCH.pth MODEL.safetensors.

The file has the weights, the class names and, of a checkpoint in the folder of its run, the config,
without optimizer and history; qaclims predict needs no other file. A .pth is for plain mmseg; a
.safetensors is for mmseg with qaclims_mm.plugin imported, and for other libraries.
"""

import argparse

from qaclims_mm.console import new_console


def main() -> int:
    """Write the file and print its size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('checkpoint', help='file, miniworld://... or https://...')
    parser.add_argument('out', help='file, which ends in .safetensors or .pth')
    parser.add_argument('--full', action='store_true', help='keep 32 bits a weight')
    args = parser.parse_args()
    # these take seconds, and --help does not need them
    from qaclims_mm.convert.publishing import publish

    size = publish(args.checkpoint, args.out, half=not args.full)
    new_console().print(f'{args.out}: {size / 1e6:.1f} MB', soft_wrap=True)
    return 0
