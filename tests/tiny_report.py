"""A work dir as a report reads it: stages over a world of a few pictures."""

import json

import numpy as np

from qaclims_mm.corpus.store import write_shard
from qaclims_mm.miniworld import CLASSES, generate
from qaclims_mm.schemas import (
    Manifest,
    file_of,
    read_mask,
    read_run_config,
    update_metrics,
    write_cams,
    write_json,
    write_mask,
    write_run_config,
)
from qaclims_mm.schemas.numbers.ablation_results import AblationResults, ResultRow

SIZE = 48
IDS = tuple(f'mini_{n:06d}' for n in range(6))
# the picture whose maps mark nothing
FAILED = IDS[2]
EVIL = '<script>alert("x")</script> $_{'


def config_of(world, split='train', bg_filter='none'):
    """Return what a test run has of its config."""
    return dict(
        default_scope='mmseg',
        test_dataloader=dict(
            dataset=dict(
                type='MiniWorldDataset',
                data_root=str(world),
                ann_file=f'ImageSets/Segmentation/{split}.txt',
                pipeline=[],
                test_mode=True,
            )
        ),
        text_encoding=dict(bg_filter=bg_filter),
    )


def write_config(folder, world, split='train', bg_filter='none', **changes):
    """Write what a test run leaves of its config."""
    values = config_of(world, split, bg_filter) | changes
    write_run_config(folder, 'test', 'config.py', values)


def change_dataset(folder, **changes):
    """Change options of the test set of a stage."""
    config = read_run_config(folder / 'test_config.json').values
    config['test_dataloader']['dataset'] |= changes
    write_run_config(folder, 'test', 'config.py', config)


def write_curve(folder, mious=(10.0, 40.0, 20.0), classes=None):
    """Write a curve of three thresholds; the second is the best."""
    classes = classes or {'background': mious, 'cat': [None, 30.0, 15.0]}
    value = dict(thresholds=[0.25, 0.5, 0.75], mIoU=mious, classes=classes)
    write_json(folder / 'curve.json', value)


def write_scalars(folder, entries, run='20260101_000000'):
    """Write what a training logs."""
    path = folder / run / 'vis_data/scalars.json'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(''.join(json.dumps(e) + '\n' for e in entries))


def write_maps(folder, world):
    """Write maps that mark the truth, but nothing of one picture."""
    for image_id in IDS:
        mask = read_mask(world / f'SegmentationClass/{image_id}.png')
        keys = np.array([k for k in range(len(CLASSES)) if (mask == k + 1).any()])
        value = 0.0 if image_id == FAILED else 0.9
        maps = np.stack([(mask == k + 1) * value for k in keys])
        write_cams(file_of(folder, image_id, '.npz'), keys, maps[:, ::4, ::4], maps)


def row_of(image_id, class_name, kind, text, question_id, answer=None):
    """Return a row of the corpus."""
    return dict(
        image_id=image_id,
        class_name=class_name,
        kind=kind,
        question_id=question_id,
        question='?',
        answer=text if answer is None else answer,
        text=text,
        score=-0.5,
    )


def write_corpus(folder, rows_of):
    """Write a corpus of one shard."""
    write_shard(folder, 0, rows_of)
    Manifest('qape', 'c', counts=dict(shards=1)).write(folder)


def make_run(root):
    """Write the world and the work dir; returns the work dir."""
    world, run = root / 'world', root / 'runs/seed0'
    generate(world, num_train=len(IDS), num_val=2, seed=1, size=SIZE)
    for trained in ('cam', 'qa_clims'):
        write_scalars(run / trained, [dict(step=s, loss=1 / s, loss_cls=1 / s) for s in (1, 2)])
        write_run_config(run / trained, 'train', 'config.py', dict(max_epochs=5))
        stage = f'{trained}_maps'
        write_config(run / stage, world)
        write_curve(run / stage)
        write_maps(run / stage / 'cams', world)
        values = {'cam/mIoU': 40.0, 'cam/best_threshold': 0.5, 'cam/mIoU@0.15': 12.34}
        update_metrics(run / stage / 'metrics.json', stage, values)
    write_config(run / 'segment_test', world, 'val')
    ones = np.ones((SIZE, SIZE))
    for image_id in (world / 'ImageSets/Segmentation/val.txt').read_text().split():
        write_mask(file_of(run / 'segment_test/predictions', image_id, '.png'), ones)
    write_config(run / 'irn_masks', world)
    for image_id in IDS:
        write_mask(file_of(run / 'irn_masks/pseudo_masks', image_id, '.png'), ones)
    rows = {
        i: [row_of(i, name, 'fg', f'{EVIL} {name}', 'fine_1', EVIL) for name in CLASSES]
        + [row_of(i, name, 'bg', f'grass by {name}', 'object_1') for name in CLASSES]
        for i in IDS
    }
    write_corpus(run / 'qape/corpus', rows)
    write_json(
        run / 'logs/runs.json',
        {'cam': dict(seconds=90, gigabytes=0.5, megabytes=12.0, status=3, resumed=False)},
    )
    Manifest('cam', 'c', extra=dict(seed=7)).write(run / 'cam')
    return run


def make_ablations(folder):
    """Write the results of the suite about omega; one seed of its second row failed."""
    metric = 'cam/mIoU'
    rows = [
        ResultRow('0.1', 'omega 0.1', 'qa_clims_maps', 67.3, {metric: {'0': 50.0, '1': 52.0}}),
        ResultRow(
            '0.05',
            'omega 0.05',
            'omega-0.05_maps',
            None,
            {metric: {'0': 48.0}},
            {'1': 'its log is x'},
        ),
        ResultRow('0.2', 'omega 0.2', 'omega-0.2_maps'),
    ]
    columns = {metric: 'best mIoU'}
    results = AblationResults('omega', 'Ratio', 'x.py', '0.1', columns, [0, 1], rows)
    results.write(folder)
    return results
