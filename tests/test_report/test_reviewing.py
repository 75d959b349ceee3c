import shutil

import pytest
from tiny_report import IDS, write_config
from tiny_review import square, write_masks

from qaclims_mm.errors import FormatError
from qaclims_mm.inference.meaning import OF_MINIWORLD
from qaclims_mm.report.blocks import MissingError
from qaclims_mm.report.reviewing import review_work
from qaclims_mm.report.work_dir import WorkDir
from qaclims_mm.schemas import write_run_config
from qaclims_mm.schemas.work_dir import CORRECTED


@pytest.fixture
def made(run):
    """Return a work dir whose pseudo masks are of the images of its maps."""
    return run


def test_all_stages_are_compared(made):
    review = review_work(WorkDir(made))
    assert {r.image_id for r in review.ranked} == {*IDS}
    assert [s.name for s in review.sources] == ['the map', 'IRN', 'the segmentor']
    # what the segmentor is trained on, not what it makes
    assert review.shown.stage == 'irn_masks'
    assert review.next_command == f'qaclims run PLAN --work-dir {made} --corrected DIR'
    assert review.warning == ('', '')


def test_corrected_images_are_left_out_where_masks_are_to_be_corrected(made):
    write_masks(made.parent, made.name, CORRECTED, {IDS[0]: square(size=(48, 48))})
    review = review_work(WorkDir(made))
    assert IDS[0] not in [r.image_id for r in review.ranked]
    assert review.left_out == 1
    everything = review_work(WorkDir(made), with_corrected=True)
    assert (len(everything.ranked), everything.left_out) == (len(IDS), 0)


def test_networks_whose_masks_mean_nothing(made):
    values = dict(model=dict(backbone='miniworld://backbone/r18-mini.safetensors'))
    write_run_config(made / 'cam', 'train', 'config.py', values)
    assert review_work(WorkDir(made)).warning == (OF_MINIWORLD, '')


def test_no_masks(made):
    for folder in made.glob('*_masks'):
        shutil.rmtree(folder)
    shutil.rmtree(made / 'segment_test/predictions')
    for folder in made.glob('*/cams'):
        shutil.rmtree(folder)
    with pytest.raises(MissingError, match='has made masks yet; run') as error:
        review_work(WorkDir(made))
    assert error.value.command.endswith('--to irn_masks')


def test_images_that_are_gone(made, tmp_path):
    write_config(made / 'irn_masks', tmp_path / 'nowhere')
    with pytest.raises(MissingError, match='The data set of irn_masks cannot be read'):
        review_work(WorkDir(made))


def test_every_image_is_corrected(made):
    masks = {i: square(size=(48, 48)) for i in IDS}
    write_masks(made.parent, made.name, CORRECTED, masks)
    with pytest.raises(FormatError, match='no image is left'):
        review_work(WorkDir(made))
