import numpy as np
import pytest
import torch
from PIL import Image
from tiny_runs import build_tiny_runner

from qaclims_mm.engine.hooks.cam_visualization import CAMVisualizationHook

SHOW = 'default_hooks.visualization.type=CAMVisualizationHook'


def train(tiny, work_dir, *flags):
    runner = build_tiny_runner(tiny, work_dir, 'train', '--cfg-options', *flags)
    runner.train()
    return runner.model.state_dict()


def pictures(work_dir):
    return sorted(work_dir.glob('*/vis_data/vis_image/*.png'))


def test_maps_are_shown_and_nothing_else_changes(tiny, tmp_path):
    plain = train(tiny, tmp_path / 'plain', 'randomness.seed=0')
    interval = 'default_hooks.visualization.interval=1'
    shown = train(tiny, tmp_path / 'shown', 'randomness.seed=0', SHOW, interval)
    assert plain.keys() == shown.keys()
    assert all(torch.equal(plain[k], shown[k]) for k in plain)
    assert not pictures(tmp_path / 'plain')
    found = pictures(tmp_path / 'shown')
    # before the first of two steps, after each of them
    assert [p.name for p in found] == ['cams_0.png', 'cams_1.png', 'cams_2.png']
    first, last = (np.asarray(Image.open(p), dtype=float) for p in (found[0], found[-1]))
    assert first.shape == last.shape
    # the images are the same, the maps are others
    third = len(first) // 3
    assert np.array_equal(first[:third], last[:third])
    assert not np.array_equal(first[2 * third :], last[2 * third :])


def test_long_intervals_show_the_begin_and_the_end(tiny, tmp_path):
    train(tiny, tmp_path, SHOW)
    assert [p.name for p in pictures(tmp_path)] == ['cams_0.png', 'cams_2.png']


def test_tensorboard(tiny, tmp_path):
    event_accumulator = pytest.importorskip(
        'tensorboard.backend.event_processing.event_accumulator'
    )
    runner = build_tiny_runner(
        tiny,
        tmp_path,
        'train',
        '--cfg-options',
        SHOW,
        'default_hooks.visualization.num=1',
        **{
            'visualizer': dict(type='Visualizer', vis_backends=[dict(type='TensorboardVisBackend')])
        },
    )
    runner.train()
    runner.visualizer.close()
    [events] = tmp_path.glob('*/vis_data/events*')
    found = event_accumulator.EventAccumulator(str(events.parent))
    found.Reload()
    assert [e.step for e in found.Images('cams')] == [0, 2]


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(interval=0), 'interval must be at least 1, but got 0'),
        (dict(num=-1), 'num must be at least 1, but got -1'),
    ],
)
def test_errors(options, message):
    with pytest.raises(ValueError, match=message):
        CAMVisualizationHook({}, **options)


RECORDS = [
    dict(image_id=i, class_indices=labels)
    for i, labels in zip('abcde', ([0], [], [1], [2], [3]), strict=True)
]


@pytest.mark.parametrize(
    ('options', 'expected'),
    [
        (dict(num=2), [0, 4]),
        (dict(num=9), [0, 2, 3, 4]),
        (dict(num=1), [0]),
        (dict(image_ids=['d', 'a']), [3, 0]),
    ],
)
def test_which_images(options, expected):
    assert CAMVisualizationHook({}, **options)._choose(RECORDS) == expected


@pytest.mark.parametrize(
    ('options', 'records', 'message'),
    [
        (dict(image_ids=['b']), RECORDS, 'image b is not in the test set, or has no label'),
        (dict(), RECORDS[1:2], 'has no image with a label'),
    ],
)
def test_images_that_cannot_be_shown(options, records, message):
    with pytest.raises(ValueError, match=message):
        CAMVisualizationHook({}, **options)._choose(records)


def test_a_broken_image_is_left_out(tiny, tmp_path):
    root = tiny.parent
    [path, *_] = sorted(root.rglob('*.jpg'))
    path.write_bytes(b'no picture')
    train(tiny, tmp_path / 'work', SHOW, 'default_hooks.visualization.num=100')
    assert pictures(tmp_path / 'work')
