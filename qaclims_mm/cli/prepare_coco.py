"""Make COCO's table of image-level labels and its masks: qaclims prepare-coco.

Reads ``annotations/instances_<split>.json`` below the root and writes ``image_labels/<split>.csv``
and ``mask/<split>/*.png`` there.
"""

import argparse

from qaclims_mm.console import new_console
from qaclims_mm.convert.prepare_coco import CROWDS, OVERLAPS, prepare_split
from qaclims_mm.cores import number_of_cores
from qaclims_mm.schemas.names import counted


def main() -> None:
    """Prepare the splits one after the other."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--root', default='data/coco2014', help='folder of the data set')
    parser.add_argument('--splits', nargs='+', default=['train2014', 'val2014'])
    parser.add_argument('--no-masks', action='store_true', help='only the table of labels')
    parser.add_argument(
        '--overlap',
        choices=OVERLAPS,
        default='later',
        help='who owns a pixel of two objects; in published numbers the later of the file',
    )
    parser.add_argument(
        '--crowd', choices=CROWDS, default='background', help='what crowds become; as published'
    )
    parser.add_argument(
        '--workers', type=int, default=number_of_cores(), help='processes that draw'
    )
    args = parser.parse_args()
    if args.workers < 1:
        parser.error(f'--workers must be at least 1, but got {args.workers}')
    for split in args.splits:
        images, unlabelled = prepare_split(
            args.root, split, not args.no_masks, args.overlap, args.crowd, args.workers
        )
        text = f'{split}: {counted(images, "image")}, {unlabelled} without a label'
        new_console().print(text)
