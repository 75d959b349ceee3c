import shutil
from datetime import datetime

import pytest
from tiny_report import IDS
from tiny_review import end_stage, square, write_masks

from qaclims_mm.miniworld import CLASSES
from qaclims_mm.report.blocks import Table, Text
from qaclims_mm.report.corrected import corrected_blocks
from qaclims_mm.report.page import all_sections
from qaclims_mm.report.titles import Titles
from qaclims_mm.report.work_dir import WorkDir
from qaclims_mm.review.changes import keep_predictions
from qaclims_mm.schemas import write_mask

SIZE = (48, 48)
NOW = datetime(2026, 3, 4, 5, 6)


@pytest.fixture
def corrected(run):
    """A work dir with one corrected mask, whose segmentor was tested before."""
    shutil.rmtree(run / 'segment_test/predictions')
    write_masks(run, 'segment_test', 'predictions', {i: square(1, size=SIZE) for i in IDS[:3]})
    end_stage(run, 'segment_test')
    keep_predictions(run, IDS[:1], CLASSES)
    write_mask(run / f'corrected/{IDS[0]}.png', square(2, size=SIZE))
    return run


def titles_of(root, tmp_path):
    return [s.title for s in all_sections(WorkDir(root), tmp_path / 'a', NOW, tmp_path / 'f')]


def test_scores_before_the_segmentor_is_trained_again(corrected):
    scores, text = corrected_blocks(WorkDir(corrected), Titles())
    assert isinstance(scores, Table)
    rows = {row[0]: row[1:] for row in scores.rows}
    assert 'the corrected masks of 1 image,' in scores.caption
    assert rows['segmentor on the masks'][1:] == ['', '1']
    assert isinstance(text, Text)
    assert 'was not trained before and after' in text.text


def test_how_far_it_moved(corrected):
    write_masks(corrected, 'segment_test', 'predictions', {IDS[0]: square(2, size=SIZE)})
    end_stage(corrected, 'segment_test', seed=1)
    scores, summary, change = corrected_blocks(WorkDir(corrected), Titles())
    rows = {row[0]: row[1:] for row in scores.rows}
    # trained on the mask, which it hits
    assert rows['segmentor on the masks'] == ['', '100.0', '1']
    assert summary.rows[-1] == ['2 other images', '', '', '100.0']
    assert summary.rows[-2][1:3] == ['33.3', '100.0']
    assert 'How much of 3 images each class covers' in change.caption
    moved = {row[0]: row[1:] for row in change.rows}
    assert moved[CLASSES[1]][2] == '0.0'


def test_a_section_only_where_something_was_corrected(run, corrected, tmp_path, finished):
    assert 'Corrected masks' in titles_of(corrected, tmp_path)
    assert 'Corrected masks' not in titles_of(finished, tmp_path)
