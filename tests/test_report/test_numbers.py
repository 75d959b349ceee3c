import pytest
from tiny_report import EVIL

from qaclims_mm.report.blocks import MissingError, Tiles
from qaclims_mm.report.numbers import cost_blocks, metric_tables, number_blocks
from qaclims_mm.report.titles import Titles
from qaclims_mm.report.work_dir import WorkDir
from qaclims_mm.schemas import update_metrics


def test_tables(run):
    values = {'seg/mIoU': 60.04, 'seg/new': 1.5}
    update_metrics(run / 'segment_test/metrics.json', 'segment_test', values)
    update_metrics(run / 'qape/metrics.json', 'qape', {'qape/images': 12.0, 'qape/empty': 0.0})
    update_metrics(run / f'{EVIL[:8]}/metrics.json', EVIL, {'cam/mIoU': 1.0})
    tiles, maps, segmentors = number_blocks(WorkDir(run), Titles())
    costs, counts = cost_blocks(WorkDir(run), Titles())
    assert isinstance(tiles, Tiles)
    assert tiles.tiles == [
        ('CAM, best mIoU', '40.0 %'),
        ('QA-CLIMS, best mIoU', '40.0 %'),
        ('segmentor, mIoU', '60.0 %'),
    ]
    assert maps.head == [
        'stage',
        'best mIoU, %',
        'mIoU, %',
        'best threshold, 0 to 1',
        'mIoU at 0.15, %',
    ]
    assert maps.rows == [
        ['CAM, the baseline', '40.0', '', '0.50', '12.3'],
        ['QA-CLIMS', '40.0', '', '0.50', '12.3'],
        # without a choice of thresholds
        [EVIL, '', '1.0', '', ''],
    ]
    assert (segmentors.head, segmentors.rows) == (
        ['stage', 'mIoU, %', 'new'],
        [['segmentor on the masks', '60.0', '1.5']],
    )
    assert (counts.head, counts.rows) == (['stage', 'empty', 'images'], [['qape/qape', '0', '12']])
    assert costs.rows == [['cam', '1.5', '0.50', '12', 'some records left out']]


def test_no_table_without_numbers():
    assert metric_tables({'cam_maps': {}}, Titles(), 'caption') == []


def test_no_costs(run):
    (run / 'logs/runs.json').unlink()
    with pytest.raises(MissingError, match='has no logs of its stages'):
        cost_blocks(WorkDir(run), Titles())
