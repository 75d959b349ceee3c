import numpy as np
import pytest
from tiny_report import write_curve

from qaclims_mm.report import per_class
from qaclims_mm.report.blocks import MissingError
from qaclims_mm.report.per_class import per_class_blocks
from qaclims_mm.report.work_dir import WorkDir


@pytest.fixture
def drawn(monkeypatch):
    found = []

    def record(paint, x, y, alt, caption, size, **_):
        found.append((paint.keywords, caption, size))

    monkeypatch.setattr(per_class, 'plot', record)
    return found


def test_each_at_its_own_best_threshold(run, drawn):
    classes = {'ape': [1.0, 2.0, 3.0], 'background': [7.0, 8.0, 9.0]}
    write_curve(run / 'clims_maps', [1.0, 2.0, 3.0], classes)
    write_curve(run / 'ritc_maps')
    write_curve(run / 'table5_texts-bg_maps')
    (run / 'cam_maps/curve.json').unlink()
    per_class_blocks(WorkDir(run))
    [(found, caption, _)] = drawn
    assert found['names'] == ['background', 'ape', 'cat']
    np.testing.assert_array_equal(found['bars']['CLIMS'], [9, 3, np.nan])
    np.testing.assert_array_equal(found['bars']['QA-CLIMS'], [40, np.nan, 30])
    titles = ['CLIMS', 'RITC without QAPE', 'answers about the background', 'QA-CLIMS']
    assert list(found['bars']) == titles
    assert found['notes'] == ['+31.0', '', '']
    assert 'answers about the background (table5_texts-bg_maps)' in caption
    assert 'in points' in caption


def test_without_clims(work, drawn):
    per_class_blocks(work)
    [(found, caption, _)] = drawn
    assert found['notes'] == []
    assert list(found['bars']) == ['CAM', 'QA-CLIMS']
    assert 'in points' not in caption
    assert caption.endswith(', seed 7.')


def test_many_classes_make_it_wider(run, drawn):
    write_curve(run / 'qa_clims_maps', classes={f'class {n}': [1.0] * 3 for n in range(90)})
    per_class_blocks(WorkDir(run))
    assert drawn[0][2][0] > 50


def test_nothing(run):
    for name in ('cam_maps', 'qa_clims_maps'):
        (run / name / 'curve.json').unlink()
    with pytest.raises(MissingError, match=r'No curve.json of CAM, CLIMS, RITC or QA-CLIMS'):
        per_class_blocks(WorkDir(run))
