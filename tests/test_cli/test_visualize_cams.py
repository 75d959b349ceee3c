import re

import numpy as np
import pytest
from PIL import Image
from tool_runs import run_tool

from qaclims_mm.corpus.store import write_shard
from qaclims_mm.miniworld import CLASSES, generate
from qaclims_mm.schemas import Manifest, file_of, write_cams, write_mask
from qaclims_mm.visualization import sheets

IDS = tuple(f'mini_{n:06d}' for n in range(6))
CONFIG = """
default_scope = 'mmseg'
test_dataloader = dict(
    dataset=dict(
        type='MiniWorldDataset',
        data_root='{root}',
        ann_file='ImageSets/Segmentation/train.txt',
        pipeline=[],
        test_mode=True,
    )
)
custom_imports = dict(imports=['qaclims_mm.plugin'], allow_failed_imports=False)
"""


def write_maps(folder, ids, value):
    """Write maps of all classes."""
    for image_id in ids:
        high, low = (np.full((len(CLASSES), *size), value) for size in ((48, 48), (12, 12)))
        write_cams(file_of(folder, image_id, '.npz'), np.arange(len(CLASSES)), low, high)


def write_corpus(folder, ids):
    common = dict(question='?', answer='x', score=-1.0)
    questions = dict(fg='fine_1', bg='object_1')
    rows = {
        i: [
            dict(
                image_id=i,
                class_name=c,
                kind=kind,
                question_id=question,
                text=f'{kind} of {c} in {i}',
                **common,
            )
            for c in CLASSES
            for kind, question in questions.items()
        ]
        for i in ids
    }
    write_shard(folder, 0, rows)
    Manifest('qape', 'c', counts=dict(shards=1)).write(folder)


@pytest.fixture(scope='module')
def work(tmp_path_factory):
    """Return a folder with a world, its config, two methods' maps and a corpus."""
    root = tmp_path_factory.mktemp('work')
    generate(root / 'world', num_train=6, num_val=0, seed=1, size=48)
    (root / 'config.py').write_text(CONFIG.format(root=root / 'world'))
    write_maps(root / 'cam', IDS, 0.2)
    write_maps(root / 'ritc', IDS[1:], 0.8)
    write_corpus(root / 'corpus', IDS[:-1])
    return root


@pytest.fixture
def draw(work, tmp_path, capsys, monkeypatch):
    """Return a function that runs the tool and gives its outcome and the columns it drew."""
    monkeypatch.chdir(work)
    drawn = []
    real = sheets.draw_cam_sheet

    def record(columns, legend):
        drawn.extend(columns)
        # all classes of the masks are named
        assert len(legend) == len(sheets.values_of(columns))
        return real(columns, side=0.4, legend=legend)

    monkeypatch.setattr(sheets, 'draw_cam_sheet', record)

    def run(*args, cams=('CAM=cam', 'RITC=ritc')):
        drawn.clear()
        out = ('--out', tmp_path / 'sheet.png')
        done = run_tool('visualize_cams', 'config.py', *args, *out, '--cams', *cams, capsys=capsys)
        return done, list(drawn)

    return run


def test_masks_of_a_method_are_a_row_more(work, draw):
    for image_id in IDS[1:3]:
        write_mask(file_of(work / 'masks', image_id, '.png'), np.full((48, 48), 3))
    done, columns = draw('--masks', 'IRN=masks')
    assert done.status == 0, done.text
    assert len(columns) == 2
    for column in columns:
        assert list(column.cams) == ['CAM', 'RITC']
        assert {n: set(m.flatten()) for n, m in column.made.items()} == {'IRN': {3}}


def test_sheet(work, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    maps = ('--cams', f'CAM={work}/cam', f'RITC={work}/ritc', '--corpus', work / 'corpus')
    done = run_tool('visualize_cams', work / 'config.py', *maps, '--num', 2, capsys=capsys)
    assert done.status == 0, done.text
    assert '2 images in sheet.png' in done.text
    with Image.open(tmp_path / 'sheet.png') as image:
        assert image.format == 'PNG'
        # two columns and four rows of 1.5 inches at 200 dots, and what is around them
        assert 600 < image.width < 800
        assert 1200 < image.height < 1700


def test_images_that_all_have_done(draw, work):
    done, columns = draw('--corpus', 'corpus')
    assert done.status == 0, done.text
    # the first has no map of the one, the last no answers
    assert len(columns) == 4
    for column, image_id in zip(columns, IDS[1:-1], strict=True):
        with Image.open(work / f'world/JPEGImages/{image_id}.jpg') as image:
            np.testing.assert_array_equal(column.image, np.asarray(image))
        with Image.open(work / f'world/SegmentationClass/{image_id}.png') as mask:
            np.testing.assert_array_equal(column.mask, np.asarray(mask))
        label = CLASSES.index(column.class_name) + 1
        # the first class of the image
        assert label == min(set(np.unique(column.mask).tolist()) - {0, 255})
        assert {k: round(float(v.mean()), 2) for k, v in column.cams.items()} == {
            'CAM': 0.2,
            'RITC': 0.8,
        }
        assert column.fg == [f'fg of {column.class_name} in {image_id}']
        assert column.bg == [f'bg of {column.class_name} in {image_id}']


@pytest.mark.parametrize(('number', 'chosen'), [(1, [0]), (2, [0, 5]), (3, [0, 2, 5]), (9, None)])
def test_images_are_chosen_at_equal_distances(draw, work, number, chosen):
    done, columns = draw('--num', number, cams=['CAM=cam'])
    assert done.status == 0, done.text
    ids = [IDS[n] for n in (range(6) if chosen is None else chosen)]
    for column, image_id in zip(columns, ids, strict=True):
        with Image.open(work / f'world/JPEGImages/{image_id}.jpg') as image:
            np.testing.assert_array_equal(column.image, np.asarray(image))
        assert column.fg == column.bg == []


def test_chosen_ids_keep_their_order(draw, work):
    done, columns = draw('--ids', IDS[4], IDS[1])
    assert done.status == 0, done.text
    with Image.open(work / f'world/JPEGImages/{IDS[4]}.jpg') as image:
        np.testing.assert_array_equal(columns[0].image, np.asarray(image))
    assert len(columns) == 2


MESSAGES = {
    'no map': (
        ('--ids', IDS[0]),
        r'error: image mini_000000 is not in the test set, or not in all of cam, ritc; 5 images '
        r'are, the first is mini_000001\.',
    ),
    'no answers': (
        ('--ids', IDS[2], IDS[5], '--corpus', 'corpus'),
        r'error: image mini_000005 is not in the test set, or not in all of cam, ritc, corpus; .*',
    ),
    'unknown': (('--ids', 'mini_9'), r'error: image mini_9 is not in the test set, .*'),
    'no corpus': (
        ('--corpus', 'absent'),
        r'error: absent/manifest.json is missing: the stage that fills absent has not finished; '
        r'run it\. qaclims run makes all stages that a plan lacks\.',
    ),
}


@pytest.mark.parametrize(('args', 'message'), MESSAGES.values(), ids=MESSAGES)
def test_messages(draw, args, message):
    done, columns = draw(*args)
    assert done.status == 1
    assert re.fullmatch(message, done.text.splitlines()[-1]), done.text
    assert not columns


def test_nothing_in_common(draw, work):
    done, _ = draw(cams=['CAM=cam', 'NEW=absent'])
    assert done.status == 1
    assert done.text.endswith('error: there is no folder absent.')
    (work / 'absent').mkdir()
    done, _ = draw(cams=['CAM=cam', 'NEW=absent'])
    assert done.text.endswith(
        'none of the 6 images is in all of cam, absent; give folders made from this config.'
    )


@pytest.mark.parametrize(
    ('args', 'cams', 'message'),
    [
        ((), ['cam'], "argument --cams: must be NAME=DIR, but got 'cam'"),
        ((), ['=cam'], "argument --cams: must be NAME=DIR, but got '=cam'"),
        (('--num', '0'), ['CAM=cam'], '--num must be at least 1, but got 0'),
    ],
)
def test_bad_arguments(draw, args, cams, message):
    done, _ = draw(*args, cams=cams)
    assert done.status == 2
    assert message in done.text


def test_broken_maps(draw, work):
    write_maps(work / 'broken', IDS[:1], 0.5)
    path = work / f'broken/{IDS[0]}.npz'
    path.write_bytes(path.read_bytes()[:50])
    done, _ = draw(cams=['CAM=broken'])
    assert done.status == 1
    assert re.search(r'error: broken/mini_000000.npz is not a CAM file', done.text)
