import numpy as np
import pytest
from rich.console import Console
from tiny_plans import write_plan
from tiny_review import CLASSES, end_stage, square, write_masks

from qaclims_mm.errors import ConfigError, StageError
from qaclims_mm.miniworld import generate
from qaclims_mm.review.changes import keep_predictions
from qaclims_mm.review.taking import TakenIn
from qaclims_mm.schemas import read_mask, write_mask
from qaclims_mm.workflow.corrected import bring_in, corrected_tables, describe
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
WITH = ", corrected=f'{root}/corrected'"


@pytest.fixture
def world(tmp_path):
    generate(tmp_path / 'world', num_train=3, num_val=1, size=32)
    return tmp_path / 'world'


@pytest.fixture
def make_plan(tmp_path, world):
    def build(option=WITH):
        (tmp_path / 'segment.py').write_text(SEGMENT % (str(world), option))
        stages = [dict(name='segment', command='train', config=str(tmp_path / 'segment.py'))]
        return read_plan(write_plan(tmp_path, stages))

    return build


def test_masks_are_of_the_images_that_are_trained_on(make_plan, world, tmp_path):
    plan, mine = make_plan(), tmp_path / 'mine'
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
        (TakenIn(read=3, new=2, changed=1, total=5), '3 read, 2 new, 1 changed again, 0 confirmed'),
        (TakenIn(read=2, new=2, confirmed=2, total=2), 'Nothing was corrected: all'),
        (TakenIn(read=2, total=2), 'All were known, so nothing changes'),
    ],
)
def test_what_became_of_them_in_words(taken, text):
    assert text in describe(taken)


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
    for word in ('the segmentor before and after', 'dog', 'the 1 corrected images', '1 other'):
        assert word in text
