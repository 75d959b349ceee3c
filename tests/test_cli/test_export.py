import re

import numpy as np
import pytest
from tiny_report import write_config
from tool_runs import run_tool

from qaclims_mm.exchange.masks.export import FORMATS
from qaclims_mm.exchange.masks.reading import read_masks
from qaclims_mm.miniworld import CLASSES, generate
from qaclims_mm.schemas import read_mask, write_mask
from qaclims_mm.schemas.project import write_classes

IDS = ('mini_000000', 'mini_000001', 'mini_000002')


@pytest.fixture(scope='module')
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp('a world')
    generate(root, num_train=3, num_val=0, seed=1, size=48)
    return root


@pytest.fixture
def work(tmp_path, world):
    """Return a work dir in which IRN has made the ground truth of two of three images."""
    root = tmp_path / 'a work'
    for image_id in IDS[:2]:
        mask = read_mask(world / f'SegmentationClass/{image_id}.png')
        write_mask(root / f'irn_masks/pseudo_masks/{image_id}.png', mask)
    write_config(root / 'irn_masks', world)
    return root


@pytest.mark.parametrize('name', FORMATS)
def test_masks_come_back(work, name, capsys):
    done = run_tool('export', work, '--format', name, '--tolerance', 0, capsys=capsys)
    assert done.status == 0, done.text
    out = work / 'export' / name
    problems = []
    found = dict(read_masks(out, dict.fromkeys(IDS, (48, 48)), CLASSES, problems))
    assert not problems
    assert set(found) == {*IDS[:2]}
    rows, values = {}, set()
    for image_id, mask in found.items():
        true = read_mask(work / f'irn_masks/pseudo_masks/{image_id}.png')
        np.testing.assert_array_equal(
            mask, true if name == 'png' else np.where(true == 255, 0, true)
        )
        values |= {*np.unique(true).tolist()} - {0, 255}
    rows = re.findall(r'^│ (.+?) +│ +(\d+) │ +(\d+) │$', done.text, flags=re.MULTILINE)
    assert [row[0] for row in rows] == [CLASSES[v - 1] for v in sorted(values)]
    assert all(0 < int(images) <= int(regions) for _, images, regions in rows)
    assert f'2 masks of irn_masks as {name} in {out}' in done.text
    assert f'1 image has no mask in {work}/irn_masks/pseudo_masks' in done.text
    last = done.text.splitlines()[-1]
    assert last.startswith('next: ')
    assert '{' not in last


def test_options(work, tmp_path, capsys):
    options = ('--out', tmp_path / 'out', '--rle', '--copy-images', '--image-url', 's3://x/')
    done = run_tool('export', work, '--format', 'label-studio', *options, capsys=capsys)
    assert done.status == 0, done.text
    assert sorted(p.name for p in (tmp_path / 'out/images').iterdir()) == [
        f'{i}.jpg' for i in IDS[:2]
    ]
    text = (tmp_path / 'out/tasks.json').read_text()
    assert '"image": "s3://x/mini_000000.jpg"' in text
    assert 'brushlabels' in text
    assert 'polygonlabels' not in text


@pytest.mark.parametrize(
    ('format', 'words'),
    [('yolo', 'put the images into {out}/images'), ('coco', 'the folder of the images')],
)
def test_what_to_do_next(work, format, words, tmp_path, capsys):
    for copies, out in ((False, tmp_path / 'out'), (True, tmp_path / 'copies')):
        options = ('--out', out, *(['--copy-images'] if copies else []))
        done = run_tool('export', work, '--format', format, *options, capsys=capsys)
        last = done.text.splitlines()[-1]
        assert (words.replace('{out}', str(out)) in last) is not copies
        assert str(out) in last or format == 'coco'


def test_masks_that_are_not_the_segmentors_are_told(work, capsys):
    told = (
        r'the segmentor has written no masks yet \(segment_test\), .* the masks of (\w+); .* first'
    )
    done = run_tool('export', work, '--format', 'png', capsys=capsys)
    assert re.findall(told, done.text) == ['irn_masks']
    # who asks for them knows
    done = run_tool('export', work, '--format', 'png', '--stage', 'irn_masks', capsys=capsys)
    assert not re.findall(told, done.text)
    (work / 'segment_test').mkdir()
    (work / 'irn_masks/pseudo_masks').rename(work / 'segment_test/predictions')
    done = run_tool('export', work, '--format', 'png', '--out', work / 'x', capsys=capsys)
    assert '2 masks of segment_test as png' in done.text
    assert not re.findall(told, done.text)
    (work / 'segment_test/predictions').rename(work / 'irn_masks/ir_labels')
    done = run_tool('export', work, '--format', 'png', '--out', work / 'y', capsys=capsys)
    assert re.findall(told, done.text) == ['irn_masks']


def test_a_bad_mask_is_listed(work, capsys):
    (work / 'irn_masks/pseudo_masks/mini_000001.png').write_bytes(b'x')
    done = run_tool('export', work, '--format', 'coco', capsys=capsys)
    assert done.status == 3
    assert '1 mask of irn_masks as coco' in done.text
    assert '- ' in done.text
    assert 'mini_000001.png is not a readable mask' in done.text


BAD = {
    'format': (('--format', 'cocoo'), r"error: there is no format 'cocoo'; did you mean coco\?"),
    'stage': (
        ('--format', 'coco', '--stage', 'cam'),
        r"error: stage 'cam' has no masks in .*; irn_masks has masks\.",
    ),
    'tolerance': (
        ('--format', 'coco', '--tolerance', '-1'),
        r'error: tolerance must be 0 or more pixels, but got -1\.0\.',
    ),
    'rle': (('--format', 'png', '--rle'), r'error: png has no run lengths \(rle\); .*'),
}


@pytest.mark.parametrize(('args', 'message'), BAD.values(), ids=BAD)
def test_messages(work, args, message, capsys):
    done = run_tool('export', work, *args, capsys=capsys)
    assert done.status == 1
    assert re.fullmatch(message, done.text.splitlines()[-1]), done.text


def test_other_folders(work, tmp_path, capsys):
    done = run_tool('export', tmp_path / 'absent', '--format', 'coco', capsys=capsys)
    assert done.status == 1
    assert done.text.endswith(f'error: there is no folder {tmp_path / "absent"}.')
    (tmp_path / 'mine').mkdir()
    (tmp_path / 'mine/x.txt').touch()
    options = ('--format', 'coco', '--out', tmp_path / 'mine')
    done = run_tool('export', work, *options, capsys=capsys)
    assert done.status == 1
    assert 'has other files, such as x.txt; give another folder' in done.text


def test_images_are_gone(work, world, tmp_path, capsys):
    write_config(work / 'irn_masks', tmp_path / 'gone')
    done = run_tool('export', work, '--format', 'coco', capsys=capsys)
    assert done.status == 1
    assert 'start it in the folder in which the plan was run' in done.text


def test_masks_that_were_made_with_other_classes(work, tmp_path, capsys):
    old = ('hound', *CLASSES[1:])
    for classes in (CLASSES, old):
        write_classes(work / 'irn_masks', classes)
        out = tmp_path / classes[0]
        done = run_tool('export', work, '--format', 'png', '--out', out, capsys=capsys)
        assert done.status == 0, done.text
        says = 'the masks of irn_masks were made before classes were changed' in done.text
        assert says == (classes is old)
        assert f'1,{classes[0]}' in (out / 'classes.csv').read_text()
