"""Write masks for a labelling tool: qaclims export WORK --format cvat.

WORK is a project or the work dir of a run. The command writes the masks of its last stage in the
format of the tool, into OUT. If a mask cannot be used, it is listed at the end, and the exit status
is 3.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from qaclims_mm.console import Table, new_console
from qaclims_mm.errors import EXIT_BAD_RECORDS

if TYPE_CHECKING:
    from qaclims_mm.exchange.masks.export import Tally
    from qaclims_mm.exchange.masks.work import StageMasks

# what to do with the export, and with one that has the images; {out} is its folder
_NEXT = {
    'png': 'correct the PNG files, or train on them; classes.csv has the values',
    'coco': 'give annotations/instances_default.json and the folder of the images to the tool',
    'yolo': 'put the images into {out}/images and train on {out}/data.yaml',
    'voc': 'give the folder to the tool as "Pascal VOC"; for CVAT choose --format cvat',
    'labelme': 'labelme {out}',
    'cvat': (
        'in CVAT: replace Raw of a new task by {out}/labels.json; then Task > Actions > Upload '
        'annotations > CVAT 1.1, file {out}/annotations.xml'
    ),
    'label-studio': (
        'in Label Studio: Settings > Labeling Interface > Code, paste {out}/labeling_config.xml; '
        'then Import, file {out}/tasks.json; docs/export.md says how it finds the images'
    ),
}
_NEXT_WITH_IMAGES = {
    'coco': 'give annotations/instances_default.json and {out}/images to the tool',
    'yolo': 'train on {out}/data.yaml',
}


def main() -> int:
    """Write the export, print what it holds and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('work', help='folder of a project, or a work dir')
    parser.add_argument(
        '--format', required=True, help=f'one of {", ".join(_NEXT)}', metavar='FORMAT'
    )
    parser.add_argument('--stage', help='default: the last stage that has masks')
    parser.add_argument('--out', help='folder; default export/FORMAT in the work dir')
    parser.add_argument(
        '--tolerance',
        type=float,
        default=1.0,
        metavar='PX',
        help='how far the outline of a polygon may move; 0 keeps every pixel; default 1',
    )
    parser.add_argument(
        '--rle', action='store_true', help='write regions pixel by pixel instead of as polygons'
    )
    parser.add_argument('--copy-images', action='store_true', help='copy the images, too')
    parser.add_argument(
        '--image-url',
        metavar='PREFIX',
        help="what Label Studio's links to images start with; default /data/local-files/?d=FOLDER/",
    )
    args = parser.parse_args()
    # these take seconds, and --help does not need them
    from qaclims_mm.exchange.masks.export import Tally, check_format, export_masks
    from qaclims_mm.exchange.masks.work import find_masks
    from qaclims_mm.schemas.names import counted

    check_format(args.format)
    found = find_masks(args.work, args.stage)
    out = Path(args.out) if args.out else found.folder.parents[1] / 'export' / args.format
    tally = Tally()
    export_masks(
        found.folder,
        found.images,
        found.classes,
        out,
        args.format,
        args.tolerance,
        args.rle,
        args.copy_images,
        args.image_url,
        tally,
    )
    console = new_console()
    table = Table('class')
    for heading in ('images', 'regions'):
        table.add_column(heading, justify='right')
    for name in found.classes:
        if tally.regions[name]:
            table.add_row(name, str(tally.with_class[name]), str(tally.regions[name]))
    console.print(table)
    console.print(
        f'{counted(tally.images, "mask")} of {found.stage} as {args.format} in {out}',
        soft_wrap=True,
    )
    for remark in _remarks(found, tally, args.stage):
        console.print(remark, soft_wrap=True)
    for problem in tally.problems:
        console.print(f'- {problem}', soft_wrap=True)
    following = _NEXT_WITH_IMAGES if args.copy_images else _NEXT
    text = following.get(args.format, _NEXT[args.format])
    console.print(f'next: {text.replace("{out}", str(out))}', soft_wrap=True)
    return EXIT_BAD_RECORDS if tally.problems else 0


def _remarks(found: 'StageMasks', tally: 'Tally', stage: str | None) -> list[str]:
    """Say what is not as people may expect of masks.

    Args:
        found: The masks.
        tally: What was written of them.
        stage: Stage that was asked for.
    """
    from qaclims_mm.schemas.names import counted
    from qaclims_mm.schemas.work_dir import PREDICTIONS

    remarks = []
    if stage is None and found.folder.name != PREDICTIONS:
        remarks.append(
            'the segmentor has written no masks yet (segment_test), so these are the masks of '
            f'{found.stage}; for those of the segmentor finish qaclims run first'
        )
    if found.is_outdated:
        remarks.append(
            f'the masks of {found.stage} were made before classes were changed, and have the old '
            'ones; for the new ones run qaclims run first'
        )
    if left := len(found.images) - tally.images - len(tally.problems):
        remarks.append(counted(left, 'image', f'have no mask in {found.folder}'))
    return remarks
