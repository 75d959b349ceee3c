import os
import re

import numpy as np
import pytest
from PIL import Image
from tiny_review import CLASSES, SIZE, end_stage, square, write_masks

from qaclims_mm.errors import ConfigError, DataError
from qaclims_mm.exchange.masks.export import FORMATS, export_masks
from qaclims_mm.review import taking
from qaclims_mm.review.changes import BEFORE
from qaclims_mm.review.corrected import corrected_ids
from qaclims_mm.review.taking import forget, take_in
from qaclims_mm.schemas import Manifest, read_mask, write_mask

IMAGES = dict.fromkeys(('a', 'b', 'sub dir/c.d', 'never'), SIZE)


@pytest.fixture
def root(tmp_path):
    """Return a work dir with pseudo masks and predictions."""
    work = tmp_path / 'work'
    write_masks(work, 'irn_masks', 'pseudo_masks', {i: square(1) for i in IMAGES})
    write_masks(work, 'segment_test', 'predictions', {i: square(2) for i in IMAGES})
    end_stage(work, 'segment_test')
    return work


def give(folder, **masks):
    """Write masks that a person has corrected; returns their folder."""
    for name, mask in masks.items():
        write_mask(folder / f'{name}.png', mask)
    return folder


def take(root, source, images=IMAGES, classes=CLASSES):
    return take_in(source, root, images, classes)


def files_of(root):
    return {p: p.read_bytes() for p in (root / 'corrected').rglob('*') if p.is_file()}


def test_masks_are_kept_in_the_numbering_of_the_work_dir(root, tmp_path):
    source = give(tmp_path / 'mine', a=square(3), **{'sub dir/c.d': square(2)})
    taken = take(root, source)
    # c.d is what the segmentor predicts
    assert (taken.read, taken.new, taken.changed, taken.confirmed) == (2, 2, 0, 1)
    assert taken.problems == []
    assert corrected_ids(root) == ['a', 'sub dir/c.d']
    assert np.array_equal(read_mask(root / 'corrected/a.png'), square(3))
    assert Manifest.read(root / 'corrected').counts == dict(images=2, failed=0)
    assert np.array_equal(read_mask(root / BEFORE / 'a.png'), square(2))


def test_the_same_masks_again_change_nothing(root, tmp_path):
    source = give(tmp_path / 'mine', a=square(3))
    take(root, source)
    before, dates = files_of(root), [p.stat().st_mtime_ns for p in files_of(root)]
    (root / 'segment_test/outputs.json').unlink()
    taken = take(root, source)
    assert (taken.new, taken.changed, taken.total) == (0, 0, 1)
    assert files_of(root) == before
    assert [p.stat().st_mtime_ns for p in before] == dates


def test_a_second_round_adds_to_the_first(root, tmp_path):
    take(root, give(tmp_path / 'one', a=square(3), b=square(3)))
    taken = take(root, give(tmp_path / 'two', b=square(1), **{'sub dir/c.d': square(3)}))
    assert (taken.new, taken.changed, taken.confirmed, taken.total) == (1, 1, 1, 3)
    assert np.array_equal(read_mask(root / 'corrected/a.png'), square(3))
    assert np.array_equal(read_mask(root / 'corrected/b.png'), square(1))


def test_forgetting(root, tmp_path):
    take(root, give(tmp_path / 'mine', a=square(3)))
    assert forget(root).forgotten == 1
    assert not (root / 'corrected').exists()
    assert forget(root).forgotten == 0


@pytest.mark.parametrize(
    ('name', 'mask', 'message'),
    [
        ('a', np.ones((5, 5)), r'a\.png'),
        ('a', square(9), r'value 9'),
        ('nobody', square(1), r'nobody'),
        ('a', None, r'a\.png'),
    ],
    ids=['size', 'class', 'unknown image', 'broken'],
)
def test_a_bad_mask_costs_one_line_and_itself(root, tmp_path, name, mask, message):
    source = give(tmp_path / 'mine', b=square(3))
    if mask is None:
        (source / f'{name}.png').write_bytes(b'\x89PNG')
    else:
        give(source, **{name: mask})
    taken = take(root, source)
    assert len(taken.problems) == 1
    assert re.search(message, taken.problems[0])
    assert '\n' not in taken.problems[0]
    assert corrected_ids(root) == ['b']
    assert taken.read == 1


def test_only_bad_masks(root, tmp_path):
    with pytest.raises(
        DataError, match=r'has no corrected mask of an image; 1 entry cannot be used:\n.*5 x 5 p'
    ):
        take(root, give(tmp_path / 'mine', a=np.ones((5, 5))))
    assert not (root / 'corrected').exists()


def test_an_empty_folder(root, tmp_path):
    (tmp_path / 'mine').mkdir()
    with pytest.raises((DataError, taking.FormatError), match='mine'):
        take(root, tmp_path / 'mine')
    with pytest.raises(ConfigError, match=r'there are no corrected masks .*gone; give a folder'):
        take(root, tmp_path / 'gone')


@pytest.mark.parametrize('stage', ['irn_masks/pseudo_masks', 'segment_test/predictions'])
def test_the_masks_of_a_stage_are_no_corrected_ones(root, tmp_path, stage):
    for source in (root / stage, tmp_path / 'link'):
        if source.name == 'link':
            os.symlink(root / stage, source)
        with pytest.raises(ConfigError, match='has made, so nothing was corrected; export them'):
            take(root, source)


def test_the_folder_of_the_work_dir_itself(root, tmp_path):
    take(root, give(tmp_path / 'mine', a=square(3)))
    with pytest.raises(ConfigError, match='has the corrected masks of an earlier run'):
        take(root, root / 'corrected')


def test_confirmed_masks_may_have_lost_a_little_as_polygons(root, tmp_path):
    almost, other = square(1), square(1)
    almost[5, 5] = 0
    other[5:10, 5:10] = 0
    taken = take(root, give(tmp_path / 'mine', a=almost, b=other))
    assert taken.confirmed == 1


def test_a_mask_of_background_alone_is_one(root, tmp_path):
    taken = take(root, give(tmp_path / 'mine', a=square(0)))
    assert (taken.read, taken.confirmed) == (1, 0)
    assert not read_mask(root / 'corrected/a.png').any()


@pytest.mark.parametrize('moment', ['while masks are read', 'between two renames'])
def test_a_killed_run_leaves_the_old_masks_or_the_new_ones(root, tmp_path, monkeypatch, moment):
    take(root, give(tmp_path / 'one', a=square(3)))
    before = files_of(root)
    source = give(tmp_path / 'two', a=square(2), b=square(3))
    with monkeypatch.context() as patch:
        # what kill -9 leaves: nothing is cleaned up
        patch.setattr(taking.shutil, 'rmtree', keep_temporary(taking.shutil.rmtree))
        if moment == 'while masks are read':
            patch.setattr(taking, 'write_manifest', kill)
        else:
            patch.setattr(taking.Path, 'rename', only_the_first(taking.Path.rename))
        with pytest.raises(KeyboardInterrupt):
            take(root, source)
    if moment == 'while masks are read':
        assert files_of(root) == before
    taken = take(root, source)
    assert (taken.new, taken.changed, taken.total) == (1, 1, 2)
    assert corrected_ids(root) == ['a', 'b']
    assert not [p for p in root.glob('.*') if p.is_dir()]


def keep_temporary(remove):
    return lambda path, *_, **__: None if path.name.endswith('.tmp') else remove(path)


def kill(*_):
    raise KeyboardInterrupt


def only_the_first(rename):
    """Return a method that renames ``corrected`` away and is killed before the next rename."""
    gone = []

    def run(path, target):
        if gone:
            raise KeyboardInterrupt
        if path.name == 'corrected':
            gone.append(path)
        return rename(path, target)

    return run


def test_images_of_another_format_are_masks_too(root, tmp_path):
    """A grey PNG, as most programs write it."""
    (tmp_path / 'mine').mkdir()
    Image.fromarray(square(3)).save(tmp_path / 'mine/a.png')
    assert take(root, tmp_path / 'mine').read == 1


@pytest.mark.parametrize('format', FORMATS)
def test_what_a_tool_gives_back_unchanged_is_confirmed(root, tmp_path, format):
    """Each format on its way out and back; one of the masks is corrected in between."""
    rng = np.random.default_rng(0)
    masks, images = {}, {}
    for number, image_id in enumerate(('a', 'b', 'c')):
        masks[image_id] = square(1 + number, (5, 45), (5, 50), (60, 80))
        masks[image_id][20:30, 30:70] = 1 + rng.integers(3)
        images[image_id] = tmp_path / f'images/{image_id}.png'
        images[image_id].parent.mkdir(exist_ok=True)
        Image.new('RGB', (80, 60)).save(images[image_id])
    write_masks(root, 'irn_masks', 'pseudo_masks', masks)
    corrected = masks | dict(b=square(2, (0, 30), (0, 30), (60, 80)))
    mine = give(tmp_path / 'mine', **corrected)
    export_masks(mine, images, CLASSES, tmp_path / 'out', format)
    taken = take(root, tmp_path / 'out', dict.fromkeys(images, (60, 80)))
    assert taken.problems == []
    assert (taken.read, taken.new, taken.confirmed) == (3, 3, 2)
