import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from tiny_plans import write_plan
from tiny_review import CLASSES, end_stage, square, write_masks

from qaclims_mm.errors import ConfigError, StageError
from qaclims_mm.miniworld import generate
from qaclims_mm.review.changes import keep_predictions
from qaclims_mm.review.taking import TakenIn
from qaclims_mm.schemas import read_mask, write_mask
from qaclims_mm.schemas.labels import write_labels
from qaclims_mm.schemas.project import ProjectTables, write_project_tables
from qaclims_mm.workflow.corrected import bring_in, corrected_tables, describe, number_anew
from qaclims_mm.workflow.locks import hold
from qaclims_mm.workflow.plans import read_plan

SEGMENT = """
import os

root = os.environ.get('QACLIMS_ROOT', 'x')
work_dir = f'{root}/segment'
train_dataloader = dict(dataset=dict(
    type='MiniWorldDataset', data_root=%r, ann_file='ImageSets/Segmentation/train.txt',
    pipeline=[
        dict(type='LoadBGRImage'),
        dict(type='LoadMask', masks=f'{root}/irn_masks/pseudo_masks'%s),
    ],
))
train_cfg = dict(max_epochs=1)
"""
OF_PROJECT = """
import os

root = os.environ.get('QACLIMS_ROOT', 'x')
work_dir = f'{root}/segment'
train_dataloader = dict(dataset=dict(
    type='FolderWeakDataset', project=%r,
    pipeline=[dict(type='LoadBGRImage'), dict(type='LoadMask', corrected=f'{root}/corrected')],
))
train_cfg = dict(max_epochs=1)
"""
WITH = ", corrected=f'{root}/corrected'"


@pytest.fixture
def world(tmp_path):
    generate(tmp_path / 'world', num_train=3, num_val=1, size=32)
    return tmp_path / 'world'


@pytest.fixture
def make_plan(tmp_path, world):
    def build(option=WITH, masks_by=None):
        (tmp_path / 'segment.py').write_text(SEGMENT % (str(world), option))
        config = str(tmp_path / 'segment.py')
        stages = [dict(name='segment', command='train', config=config, needs=['irn_masks'])]
        stages += [dict(name=name, command='x') for name in ('irn_masks', 'par')]
        return read_plan(write_plan(tmp_path, stages), masks_by=masks_by)

    return build


@pytest.mark.parametrize('masks_by', ['irn', 'par'])
def test_masks_are_of_the_images_that_are_trained_on(make_plan, world, tmp_path, masks_by):
    plan, mine = make_plan(masks_by=masks_by), tmp_path / 'mine'
    assert [s.needs for s in plan.stages if s.name == 'segment'] == [(plan.choice.stage,)]
    for path in sorted(world.glob('SegmentationClass/*.png')):
        write_mask(mine / path.name, read_mask(path))
    taken = bring_in(plan, str(mine), plan.root)
    # the fourth is of the validation images
    assert (taken.read, len(taken.problems)) == (3, 1)
    [first, *_] = sorted(world.glob('SegmentationClass/*.png'))
    assert np.array_equal(read_mask(plan.root / 'corrected' / first.name), read_mask(first))
    assert bring_in(plan, 'none', plan.root).forgotten == 3


def test_a_plan_that_trains_on_no_corrected_masks(make_plan, tmp_path):
    plan = make_plan(option='')
    with pytest.raises(ConfigError, match=r'no training of .*plan\.py reads corrected masks'):
        bring_in(plan, str(tmp_path), plan.root)


def test_a_work_dir_that_is_in_use(make_plan, tmp_path):
    plan = make_plan()
    with (
        hold(plan.root / 'logs/.lock', 'x'),
        pytest.raises(StageError, match='is in use by process'),
    ):
        bring_in(plan, str(tmp_path), plan.root)


@pytest.mark.parametrize(
    ('taken', 'text'),
    [
        (TakenIn(forgotten=2), '2 corrected masks are forgotten'),
        (
            TakenIn(read=30, new=27, changed=2, confirmed=29, total=35),
            '30 masks read: 1 corrected, 29 confirmed as a stage has made them. Of these, 27 '
            'new, 2 in place of earlier ones, 1 known before. The work dir has 35 in all',
        ),
        (TakenIn(read=2, new=2, confirmed=2, total=2), 'Nothing was corrected: all'),
        (TakenIn(read=2, total=2), 'All were known, so nothing changes'),
    ],
)
def test_what_became_of_them_in_words(taken, text):
    assert text in describe(taken)


def test_masks_follow_the_classes_of_a_project(tmp_path):
    """Renamed, moved and gone classes: masks that were taken in, and those that come later."""
    project, base = tmp_path / 'p', tmp_path / 'work'
    Image.new('RGB', (30, 20)).save(make(tmp_path / 'images') / 'a.png')
    Image.new('RGB', (30, 20)).save(tmp_path / 'images/b.png')
    (tmp_path / 'segment.py').write_text(OF_PROJECT % str(project))
    stages = [dict(name='segment', command='train', config=str(tmp_path / 'segment.py'))]
    plan = read_plan(write_plan(tmp_path, stages), base)

    def set_classes(classes, aliases):
        write_labels(project / 'labels.csv', {f'{i}.png': [classes[0]] for i in 'ab'})
        write_project_tables(project, ProjectTables(tmp_path / 'images', classes, aliases=aliases))

    project.mkdir()
    set_classes(['bicycle', 'cat', 'dog'], {})
    assert number_anew(plan, base) == []
    mine = tmp_path / 'mine'
    (make(mine) / 'classes.csv').write_text('value,class\n0,background\n1,bicycle\n2,dog\n')
    write_mask(mine / 'a.png', square(1))
    assert bring_in(plan, str(mine), base, dry_run=True).new == 1
    assert not base.exists()
    bring_in(plan, str(mine), base)
    set_classes(['dog', 'cycle'], {'cycle': ['bicycle']})
    [first, second] = number_anew(plan, base, dry_run=True)
    assert np.array_equal(read_mask(base / 'corrected/a.png'), square(1))
    assert number_anew(plan, base) == [first, second]
    assert "'cat' is none of the 2 classes" in second
    assert np.array_equal(read_mask(base / 'corrected/a.png'), square(2))
    assert number_anew(plan, base) == []
    (mine / 'a.png').rename(mine / 'b.png')
    taken = bring_in(plan, str(mine), base)
    assert (taken.problems, taken.new) == ([], 1)
    assert np.array_equal(read_mask(base / 'corrected/b.png'), square(2))


def make(folder):
    folder.mkdir()
    return folder


def shown(tables):
    console = Console(width=200)
    with console.capture() as capture:
        for table in tables:
            console.print(table)
    return capture.get()


def test_tables_at_the_end_of_a_run(make_plan):
    plan = make_plan()
    assert corrected_tables(plan, {}) == []
    write_masks(plan.root, 'segment_test', 'predictions', dict(a=square(1), b=square(2)))
    end_stage(plan.root, 'segment_test')
    keep_predictions(plan.root, ['a'], CLASSES)
    write_mask(plan.root / 'corrected/a.png', square(1))
    metrics = dict(irn_masks={'corrected/mIoU': 41.25, 'corrected/images': 1.0})
    metrics |= dict(segment_test={'corrected/mIoU_training': 77.0, 'corrected/images': 1.0})
    assert '41.2' in shown(corrected_tables(plan, metrics))
    assert 'the segmentor' in shown(corrected_tables(plan, metrics))
    write_masks(plan.root, 'segment_test', 'predictions', dict(a=square(3), b=square(2)))
    end_stage(plan.root, 'segment_test', seed=1)
    text = shown(corrected_tables(plan, metrics))
    for word in ('the segmentor before and after', 'dog', 'the 1 corrected image,', '1 other'):
        assert word in text
