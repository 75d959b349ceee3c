import csv
import json

import pytest
from tiny_review import CLASSES, square, write_masks

from qaclims_mm.errors import FormatError
from qaclims_mm.review import ranking
from qaclims_mm.review.findings import Candidate
from qaclims_mm.review.ranking import rank_images, write_review
from qaclims_mm.review.sources import find_sources


@pytest.fixture
def root(tmp_path):
    """Three images: one on which all agree, one empty, one on which a part differs."""
    masks = dict(good=square(), empty=square(0), part=square(1, (5, 15), (5, 10)))
    write_masks(tmp_path, 'irn_masks', 'pseudo_masks', {i: square() for i in masks})
    write_masks(tmp_path, 'segment_test', 'predictions', masks)
    return tmp_path


IMAGES = [Candidate(i, (0,)) for i in ('good', 'part', 'empty')]


def test_order_and_table(root):
    sources = find_sources(root)
    ranked = rank_images(IMAGES, sources, CLASSES)
    assert [r.image_id for r in ranked] == ['empty', 'part', 'good']
    write_review(root / 'review.csv', ranked, sources, ['=dog, "x"', 'cat', 'car'])
    with (root / 'review.csv').open(newline='', encoding='utf-8') as file:
        rows = [*csv.DictReader(file)]
    assert [r['rank'] for r in rows] == ['1', '2', '3']
    assert rows[1]['image'] == 'part'
    assert rows[1]['score'] == '0.4250'
    assert rows[1]['IoU of IRN and the segmentor'] == '50.0'
    assert json.loads(rows[1]['areas of the segmentor']) == {'=dog, "x"': 8.33}
    assert json.loads(rows[0]['areas of the segmentor']) == {}


def test_several_processes_make_the_same_order(root, monkeypatch):
    one = rank_images(IMAGES, find_sources(root), CLASSES)
    monkeypatch.setattr(ranking, 'worthwhile_processes', lambda items: 2)
    assert rank_images(IMAGES, find_sources(root), CLASSES) == one


def test_nothing_to_review(root):
    with pytest.raises(FormatError, match='no image is left'):
        rank_images([], find_sources(root), CLASSES)
    with pytest.raises(FormatError, match='no stage has made masks'):
        rank_images(IMAGES, [], CLASSES)
