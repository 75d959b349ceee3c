import shutil

import pytest
from tiny_report import write_curve, write_scalars

from qaclims_mm.report import curves
from qaclims_mm.report.blocks import MissingError
from qaclims_mm.report.curves import loss_blocks, threshold_blocks
from qaclims_mm.report.titles import Titles
from qaclims_mm.report.work_dir import WorkDir


@pytest.fixture
def drawn(monkeypatch):
    """Return a list of the lines that are drawn, instead of pictures."""
    found = []

    def record(paint, x, y, alt, caption, **_):
        found.append((paint.keywords, y, caption))

    monkeypatch.setattr(curves, 'plot', record)
    return found


def test_losses(run, drawn):
    entries = [
        dict(step=1, loss=3.0, loss_a=1.0, loss_b=2.0, lr=1),
        dict(step=2, mIoU=50.0),
        dict(step=3, loss=2.0, loss_a=0.5, loss_b=1.5),
    ]
    write_scalars(run / 'irn', entries)
    write_scalars(run / 'omega-0.3', [dict(step=1, loss=1.0)])
    note, *own, others = loss_blocks(WorkDir(run), Titles())
    assert 'each on an axis of its own' in note.text
    assert [(len(g.pictures), g.title, g.folded) for g in (*own, others)] == [
        (1, 'CAM, the baseline', False),
        (1, 'QA-CLIMS', False),
        (4, 'QA-CLIMS + IRN, masks', False),
        (1, 'Further trainings', True),
    ]
    cam, qa_clims, *irn, _ = drawn
    # the sum of one loss is not drawn beside it
    assert cam[0]['title'] == qa_clims[0]['title'] == 'loss_cls'
    assert (cam[0]['x'], cam[0]['y']) == ((1, 2), (1, 0.5))
    assert [found['title'] for found, _, _ in irn] == ['loss', 'loss_a', 'loss_b', 'mIoU, %']
    assert (irn[2][0]['x'], irn[2][0]['y']) == ((1, 3), (2, 1.5))
    assert irn[3][0]['y'] == (50,)
    assert irn[0][2] == 'QA-CLIMS + IRN, masks: sum of the losses'


def test_losses_of_a_segmentor_have_names_of_mmseg(run, drawn):
    names = {'decode.loss_ce': 1.0, 'aux.loss_ce': 0.5, 'decode.acc_seg': 90.0, 'loss': 1.5}
    write_scalars(run / 'segment', [dict(step=1, **names)])
    loss_blocks(WorkDir(run), Titles())
    titles = [found['title'] for found, _, _ in drawn]
    assert titles[-3:] == ['decode.loss_ce', 'aux.loss_ce', 'loss']


def test_a_line_without_a_step_is_left_out(run, drawn):
    write_scalars(run / 'irn', [dict(loss_a=1.0), dict(step=5, loss_a=2.0)])
    loss_blocks(WorkDir(run), Titles())
    [found] = [one for one, _, _ in drawn if one['title'] == 'loss_a']
    assert found == dict(title='loss_a', x=(5,), y=(2,))
    write_scalars(run / 'irn', [dict(loss_b=1.0)])
    loss_blocks(WorkDir(run), Titles())


def test_no_losses(run):
    for folder in run.glob('*/2026*'):
        shutil.rmtree(folder)
    with pytest.raises(MissingError, match='No training has logged a loss') as error:
        loss_blocks(WorkDir(run), Titles())
    assert error.value.command.startswith('qaclims run')


def test_thresholds(run, drawn):
    write_curve(run / 'omega-0.3_maps')
    write_curve(run / 'irn_masks', [30.0, 20.0, 10.0])
    threshold_blocks(WorkDir(run), Titles({'omega-0.3_maps': 'omega 0.3'}))
    [(found, _, caption)] = drawn
    assert found['marks'] == {
        'CAM, the baseline': (0.5, 40),
        'QA-CLIMS': (0.5, 40),
        'QA-CLIMS + IRN, masks': (0.25, 30),
    }
    assert list(found['lines']) == list(found['marks'])
    assert 'ImageSets/Segmentation/train.txt' in caption


def test_more_curves_than_colours(run, drawn):
    for n in range(10):
        write_curve(run / f'more{n}')
    threshold_blocks(WorkDir(run), Titles())
    [(found, _, caption)] = drawn
    assert list(found['lines'])[:2] == ['CAM, the baseline', 'QA-CLIMS']
    assert len(found['lines']) == 8
    assert '4 more stages' in caption


def test_no_curve(run):
    for path in run.glob('*/curve.json'):
        path.unlink()
    with pytest.raises(MissingError, match=r'there is no curve.json'):
        threshold_blocks(WorkDir(run), Titles())
