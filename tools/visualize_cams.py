"""Draw a sheet of maps: tools/visualize_cams.py CONFIG --cams CAM=DIR RITC=DIR --out sheet.png."""

from pathlib import Path

import numpy as np
from rich.console import Console

from qaclims_mm.corpus.store import VQACorpus
from qaclims_mm.engine.launch import base_parser, load_config, run_tool
from qaclims_mm.registry import DATASETS
from qaclims_mm.schemas import file_of, read_cams, read_mask
from qaclims_mm.visualization.sheets import draw_cam_sheet, load_column, save_figure


def main() -> None:
    """Choose images of the config's test set that all methods have done, and draw them."""
    parser = base_parser(__doc__)
    parser.add_argument('--cams', nargs='+', required=True, metavar='NAME=DIR')
    parser.add_argument('--corpus', help='folder of the corpus, for the texts')
    parser.add_argument('--ids', nargs='+', help='image ids; by default some at equal distances')
    parser.add_argument('--num', type=int, default=8, help='how many, without --ids')
    parser.add_argument('--out', default='sheet.png')
    args = parser.parse_args()
    cfg = load_config(args)
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    folders = dict(entry.split('=', 1) for entry in args.cams)
    records = {
        r['image_id']: r
        for r in dataset.iterate_records()
        if r['labels']
        and all(file_of(f, r['image_id'], '.npz').is_file() for f in folders.values())
    }
    if not records:
        raise SystemExit(f'none of the images has maps in all of {", ".join(folders.values())}.')
    spread = np.linspace(0, len(records) - 1, min(args.num, len(records))).astype(int)
    ids = args.ids or [list(records)[i] for i in spread]
    corpus = VQACorpus(args.corpus) if args.corpus else None
    columns = []
    for image_id in ids:
        if image_id not in records:
            raise SystemExit(f'image {image_id} is not in the test set or has no maps.')
        record = records[image_id]
        mask = record['seg_map_path']
        columns.append(
            load_column(
                record['img_path'],
                record['labels'][0],
                record['label_names'][0],
                {n: read_cams(file_of(f, image_id, '.npz')) for n, f in folders.items()},
                read_mask(mask) if mask and Path(mask).is_file() else None,
                corpus[image_id] if corpus else (),
            )
        )
    Console().print(f'{save_figure(draw_cam_sheet(columns), args.out)}')


if __name__ == '__main__':
    run_tool(main)
