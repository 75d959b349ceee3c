"""Write the masks of images, folders and videos: qaclims predict MODEL IMAGES ... --out DIR.

MODEL is a project, the work dir of a run, the folder of a stage in it, a checkpoint of a stage, or
a file of qaclims publish. IMAGES are images, folders (read with their subfolders), videos, and
lists: a .txt with one path per line, or a .csv with the column image. Masks that this command has
written are not read as images.

The command writes into DIR: masks/*.png, areas.csv (area of each class in each image), classes.csv
(area of each class in all images), and with --overlay overlays/*.jpg. Images that have a mask are
skipped, so an interrupted run resumes. If an image cannot be read, it is listed at the end, and the
exit status is 3.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qaclims_mm.cli._numbers import positive
from qaclims_mm.console import new_console
from qaclims_mm.engine.shards import HELP as SHARD_HELP
from qaclims_mm.engine.shards import parse_shard
from qaclims_mm.engine.trust import CONFIGS_ARE_CODE
from qaclims_mm.errors import EXIT_BAD_RECORDS, ConfigError
from qaclims_mm.schemas import claimed, shown_name
from qaclims_mm.schemas.names import counted

if TYPE_CHECKING:
    from qaclims_mm.inference.models import FoundModel

# of a config that does not say how large images are read, in pixels
TILE = 1024


def main() -> int:
    """Predict what is not done, write the tables and return the exit status."""
    parser = _parser()
    args = parser.parse_args()
    # these take seconds, and --help does not need them
    from qaclims_mm.exchange.image_sources import find_sources
    from qaclims_mm.inference.folder import MASKS, MaskFolder
    from qaclims_mm.inference.job import PredictionJob
    from qaclims_mm.inference.models import find_model

    console = new_console()
    sources = find_sources(args.images, args.out)
    found = find_model(args.model, args.config)
    for line in (found.describe(), *sources.notes):
        console.print(line, soft_wrap=True)
    _check_options(found, args)
    tile = None if found.makes_maps else _tile_of(found, args.tile)
    known = {} if args.threshold is None else dict(threshold=args.threshold)
    job = PredictionJob(
        found, sources, args.device, tile, args.every, args.shard, args.labels, **known
    )
    _check_format(args.format, job.classes)
    out = Path(args.out)
    folder = MaskFolder(out, job.classes, args.overlay)
    with claimed(out, job.fingerprint(), args.shard is not None):
        failed = [*sources.problems, *job.run(folder)]
    done = [image_id for image_id in job.seen if folder.mask_path(image_id).is_file()]
    part = f', part {args.shard}' if args.shard else ''
    console.print(f'{counted(len(done), "mask")} in {out / MASKS}{part}', soft_wrap=True)
    if job.tiled:
        said = f'are larger than {tile} px, so segmented in tiles, at full size.'
        console.print(counted(job.tiled, 'image', said), soft_wrap=True)
    if not args.shard:
        folder.write_tables(done)
        if args.format:
            failed += _export(out, done, sources.images, job.classes, args.format)
    for problem in failed:
        console.print(f'- {problem}', soft_wrap=True)
    return EXIT_BAD_RECORDS if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=CONFIGS_ARE_CODE + ' Without --config none is executed.',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add('model', help='project, work dir, stage, checkpoint or published file')
    add('images', nargs='+', help='images, folders of images, videos, and lists of files')
    add('--out', required=True, help='folder of the masks')
    add('--config', help='config of a checkpoint that has none beside it, or the name of one')
    add('--overlay', action='store_true', help='write masks laid over images, too')
    add(
        '--format',
        help='write the masks for another tool as well, as qaclims export does; frames of videos '
        'are left out, since they are no files',
    )
    add('--every', type=positive, default=1, help='of a video, take a frame of so many; default 1')
    add(
        '--tile',
        type=positive,
        help='segment a larger image at full size, in tiles of this side in pixels; by default it '
        f'is read as small as in the training (max_side), or in tiles of {TILE} px if the config '
        'has no max_side',
    )
    add(
        '--labels',
        action='append',
        help='for a network of maps: a class that is in all images, may be given several times; or '
        'a table of images and labels (.csv); default what the network tells, if it can',
    )
    add(
        '--threshold',
        type=float,
        help='for a network of maps: value of the background, default 0.25',
    )
    add('--shard', type=parse_shard, metavar='K/N', help=SHARD_HELP)
    add('--device', help='default: a GPU if there is one')
    return parser


def _check_options(found: 'FoundModel', args: argparse.Namespace) -> None:
    """Refuse options that would change nothing."""
    of_maps = [f'--{k}' for k in ('labels', 'threshold') if getattr(args, k) is not None]
    of_masks = ['--tile'] if args.tile else []
    kind = 'a network of activation maps' if found.makes_maps else 'a segmentor'
    if wrong := of_masks if found.makes_maps else of_maps:
        raise ConfigError(f'{kind} has no use for {", ".join(wrong)}; leave it out.')


def _tile_of(found: 'FoundModel', given: int | None) -> int | None:
    """Return the side above which an image is cut into tiles, if it is.

    Objects look to the network as in the training: at a reduced size where the training reduced
    images.
    """
    reduces = found.config.test_dataloader.dataset.pipeline[0].get('max_side')
    return given or (None if reduces else TILE)


def _export(
    out: Path, done: Sequence[str], files: Mapping[str, Path], classes: Sequence[str], name: str
) -> list[str]:
    """Write the masks of files for another tool; returns what could not be written.

    Args:
        out: Folder of the masks.
        done: Ids of the masks that are there.
        files: {image id: file}. Frames of videos are no files, so no tool could show them.
        classes: Names of the values of masks.
        name: The format.
    """
    from qaclims_mm.exchange.masks.export import Tally, export_masks
    from qaclims_mm.inference.folder import MASKS

    tally, target, console = Tally(), out / name, new_console()
    images = {i: files[i] for i in done if i in files}
    if images:
        export_masks(out / MASKS, images, classes[1:], target, name, tally=tally)
        console.print(f'{counted(tally.images, "mask")} as {name} in {target}', soft_wrap=True)
    if frames := len(done) - len(images):
        said = 'are not in the export, since a frame is no file.'
        console.print(counted(frames, 'video frame', said), soft_wrap=True)
    return tally.problems


def _check_format(name: str | None, classes: Sequence[str]) -> None:
    """Refuse what cannot be written before hours are spent."""
    from qaclims_mm.exchange.masks.export import FORMATS

    if name is not None and name not in FORMATS:
        raise ConfigError(f'--format must be one of {", ".join(FORMATS)}, but got {name!r}.')
    if name is not None and classes[0] != 'background':
        raise ConfigError(
            f'value 0 of this network is {shown_name(classes[0])}, but the formats of other tools '
            'have classes beside a background; leave out --format.'
        )
