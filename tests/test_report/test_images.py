import shutil

import numpy as np
import pytest
from tiny_report import EVIL, FAILED, IDS

from qaclims_mm.report import images
from qaclims_mm.report.blocks import MissingError
from qaclims_mm.report.images import (
    answers_of,
    evenly,
    segmentation_blocks,
    sheet_blocks,
    true_mask,
)
from qaclims_mm.report.work_dir import WorkDir


@pytest.fixture
def drawn(monkeypatch):
    """Return a list of the columns that are drawn, instead of pictures."""
    found = []
    monkeypatch.setattr(images, 'draw_named_sheet', lambda columns, _: found.extend(columns))
    monkeypatch.setattr(images, 'sheet_picture', lambda figure, alt, caption: caption)
    return found


def test_sheet(work, drawn):
    [caption] = sheet_blocks(work)
    assert len(drawn) == len(IDS)
    for column, image_id in zip(drawn, IDS, strict=True):
        assert list(column.cams) == ['CAM', 'QA-CLIMS']
        assert list(column.made) == ['IRN']
        assert column.fg == [f'{EVIL} {column.class_name}']
        assert column.bg == [f'grass by {column.class_name}']
        assert (column.cams['CAM'].max() > 0) == (image_id != FAILED)
        assert column.mask is not None
    assert '6 images' in caption


def test_sheet_of_what_there_is(run, drawn):
    shutil.rmtree(run / 'cam_maps')
    shutil.rmtree(run / 'irn_masks')
    shutil.rmtree(run / 'qape')
    (run / f'qa_clims_maps/cams/{IDS[0]}.npz').unlink()
    [caption] = sheet_blocks(WorkDir(run))
    assert len(drawn) == len(IDS) - 1
    assert [(list(c.cams), dict(c.made), c.fg) for c in drawn[:1]] == [(['QA-CLIMS'], {}, [])]
    assert 'answers' not in caption


def test_no_maps(run):
    for path in (run / 'qa_clims_maps/cams').iterdir():
        path.unlink()
    with pytest.raises(MissingError, match='No image of the test set is in all of'):
        sheet_blocks(WorkDir(run))
    (run / 'qa_clims_maps/cams').rmdir()
    with pytest.raises(MissingError, match='There are no maps in'):
        sheet_blocks(WorkDir(run))


def test_segmentations(work, drawn):
    segmentation_blocks(work)
    assert len(drawn) == 2
    for column in drawn:
        assert set(np.unique(column.made['prediction'])) == {1}
        assert column.class_name


def test_no_segmentations(run):
    for path in (run / 'segment_test/predictions').iterdir():
        path.unlink()
    with pytest.raises(MissingError, match='No image of the test set has a mask in'):
        segmentation_blocks(WorkDir(run))
    (run / 'segment_test/predictions').rmdir()
    with pytest.raises(MissingError, match='give its config a SegMaskWriter') as error:
        segmentation_blocks(WorkDir(run))
    assert error.value.command.endswith('--to segment_test')


@pytest.mark.parametrize(
    ('number', 'chosen'), [(1, [0]), (2, [0, 4]), (3, [0, 2, 4]), (9, [0, 1, 2, 3, 4])]
)
def test_evenly(number, chosen):
    assert evenly(range(5), number) == chosen


@pytest.mark.parametrize('path', [None, '/nowhere/mask.png'])
def test_no_truth(path):
    assert true_mask(dict(seg_map_path=path)) is None


def test_image_without_answers(work):
    assert len(answers_of(work, IDS[0])) > 0
    assert answers_of(work, 'unknown') == ()
