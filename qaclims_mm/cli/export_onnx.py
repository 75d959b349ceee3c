"""Write a trained network as ONNX, for other programs: qaclims export-onnx MODEL --out FILE.

MODEL is a segmentor or a network of activation maps, given as for qaclims predict. The input of
FILE is a batch of RGB images (uint8) of any number and size. Its metadata describe how to read an
image and what the outputs mean; see docs/deploy.md. The command compares the outputs of FILE with
those of the network and writes it only if they agree.
"""

import argparse
from pathlib import Path

from qaclims_mm.console import new_console
from qaclims_mm.engine.trust import CONFIGS_ARE_CODE


def main() -> int:
    """Write the file and say what it is."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=CONFIGS_ARE_CODE + ' Without --config none is executed.',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add('model', help='project, work dir, stage, checkpoint or published file')
    add('--config', help='config of a checkpoint that has none beside it, or the name of one')
    add('--out', help='default: MODEL.onnx in this folder, by the name of the checkpoint')
    add(
        '--size',
        type=int,
        nargs=2,
        metavar=('HEIGHT', 'WIDTH'),
        help='fix the size of images, for programs that need it; default any',
    )
    args = parser.parse_args()
    if args.size and min(args.size) < 1:
        parser.error('--size must be above 0')
    # these take seconds, and --help does not need them
    from qaclims_mm.exchange.onnx.export import OPSET, export_onnx
    from qaclims_mm.inference.models import find_model, load_found

    console = new_console()
    found = find_model(args.model, args.config)
    console.print(found.describe(), soft_wrap=True)
    out = Path(args.out or f'{found.file.stem}.onnx')
    with console.status('exporting'):
        done = export_onnx(load_found(found, 'cpu'), out, tuple(args.size) if args.size else None)
    size = f'{done.size[0]} x {done.size[1]}' if done.size else 'any size'
    console.print(
        f'{out}: {out.stat().st_size / 1e6:.1f} MB, opset {OPSET}, images of {size}; '
        f'largest difference from torch {done.difference:.1g}',
        soft_wrap=True,
    )
    for note in done.notes:
        console.print(f'- {note}', soft_wrap=True)
    return 0
