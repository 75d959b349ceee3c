"""Draw a sheet: qaclims visualize-cams CONFIG --cams CAM=DIR RITC=DIR --masks IRN=DIR.

Maps are those of an image's first class, in bold below it; masks show all classes.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from qaclims_mm.console import new_console
from qaclims_mm.engine.parser import base_parser
from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.schemas import file_of, read_cams, read_mask
from qaclims_mm.schemas.names import counted


def main() -> None:
    """Choose images of the config's test set that all methods have done, and draw them."""
    parser = base_parser(__doc__)
    parser.add_argument(
        '--cams',
        nargs='+',
        required=True,
        type=_folder,
        metavar='NAME=DIR',
        help='maps, a row each',
    )
    parser.add_argument(
        '--masks', nargs='+', default=[], type=_folder, metavar='NAME=DIR', help='masks, a row each'
    )
    parser.add_argument('--corpus', help='folder of the corpus, for the texts')
    parser.add_argument('--ids', nargs='+', help='image ids; by default some at equal distances')
    parser.add_argument('--num', type=int, default=8, help='how many without --ids; default 8')
    parser.add_argument('--out', default='sheet.png', help='default sheet.png')
    args = parser.parse_args()
    if args.num < 1:
        parser.error(f'--num must be at least 1, but got {args.num}')
    # these take seconds, and --help does not need them
    from qaclims_mm.corpus.store import VQACorpus
    from qaclims_mm.engine.config import load_config
    from qaclims_mm.registry import DATASETS
    from qaclims_mm.report.mask_pictures import legend_of
    from qaclims_mm.visualization.sheets import draw_cam_sheet, save_figure, values_of

    dataset = DATASETS.build(load_config(args).test_dataloader.dataset)
    corpus = VQACorpus(args.corpus) if args.corpus else None
    folders, masks = dict(args.cams), dict(args.masks)
    records = {
        r['image_id']: r
        for r in dataset.iterate_records()
        if r['class_indices']
        and all(file_of(f, r['image_id'], '.npz').is_file() for f in folders.values())
        and all(file_of(f, r['image_id'], '.png').is_file() for f in masks.values())
        and (corpus is None or r['image_id'] in corpus)
    }
    sources = ', '.join([*folders.values(), *masks.values(), *([args.corpus] if corpus else [])])
    absent = [f for f in (*folders.values(), *masks.values()) if not Path(f).is_dir()]
    if absent:
        raise FormatError(f'there is no folder {absent[0]}.')
    if not records:
        raise ConfigError(
            f'none of the {counted(len(dataset), "image")} is in all of {sources}; '
            'give folders made from this config.'
        )
    spread = np.linspace(0, len(records) - 1, min(args.num, len(records))).astype(int)
    ids = args.ids or [list(records)[i] for i in spread]
    unknown = [i for i in ids if i not in records]
    if unknown:
        raise ConfigError(
            f'image {unknown[0]} is not in the test set, or not in all of {sources}; '
            f'{counted(len(records), "image", "are")}, the first is {next(iter(records))}.'
        )
    columns = [
        _column(dataset, records[i], folders, masks, corpus[i] if corpus else ()) for i in ids
    ]
    legend = legend_of(values_of(columns), dataset.class_names)
    path = save_figure(draw_cam_sheet(columns, legend=legend), args.out)
    new_console().print(f'{counted(len(columns), "image")} in {path}', soft_wrap=True)


def _folder(entry: str) -> tuple[str, str]:
    """Read NAME=DIR."""
    name, _, folder = entry.partition('=')
    if not name or not folder:
        raise argparse.ArgumentTypeError(f'must be NAME=DIR, but got {entry!r}')
    return name, folder


def _column(
    dataset: Any, record: dict, folders: dict[str, str], masks: dict[str, str], answers: Any
) -> Any:
    """Return the column of a sheet: the maps of an image's first class, and its masks."""
    from qaclims_mm.visualization.sheets import load_column

    mask, image_id, label = record['seg_map_path'], record['image_id'], record['class_indices'][0]
    return load_column(
        dataset.read_image(record),
        label,
        record['label_names'][0],
        {n: read_cams(file_of(f, image_id, '.npz'), only=label) for n, f in folders.items()},
        read_mask(mask) if mask and Path(mask).is_file() else None,
        answers,
        {n: read_mask(file_of(f, image_id, '.png')) for n, f in masks.items()},
        image_id,
    )
