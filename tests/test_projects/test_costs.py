import pytest

from qaclims_mm.cores import number_of_cores
from qaclims_mm.projects.costs import MEASURED_RATE, MOST_DRAWN, Work, estimate
from qaclims_mm.report.mask_sheet import MOST_IMAGES

SECONDS = dict(
    qape=2.0,
    cam=1.0,
    cam_maps=6.0,
    texts=0.0,
    qa_clims=3.0,
    qa_clims_maps=6.0,
    irn_masks=1.0,
    segment_test=0.1,
)
CHECKPOINT = dict(cam=100.0, qa_clims=200.0)


def work(number=60, classes=1.6, size=(450, 400), max_side=1000, **seen):
    seen = dict(cam=600, qa_clims=1200) | seen
    return Work([size] * number, round(number * classes), seen, max_side)


def minutes(found, name):
    """Return the minutes of a stage without its start, 8 s."""
    return found[name][0] - 8 / 60


def test_seconds_of_the_machine_they_were_measured_on():
    found = estimate(work(), SECONDS, CHECKPOINT, MEASURED_RATE)
    assert minutes(found, 'qape') == pytest.approx(96 * 2 / 60, abs=0.06)
    assert minutes(found, 'cam') == pytest.approx(600 / 60, abs=0.06)
    assert minutes(found, 'qa_clims') == pytest.approx(1200 * 3 / 60, abs=0.06)
    # 450 x 400 px are a photograph of VOC
    assert minutes(found, 'cam_maps') == pytest.approx(60 * 6 / 60, abs=0.06)
    assert minutes(found, 'ir_label') == pytest.approx(60 * 1.6 / number_of_cores() / 60, abs=0.06)
    assert found['cam'][1] == 100.0
    assert found['cam_maps'][1] == pytest.approx(96 * 0.076, abs=0.06)


def test_faster_machines_larger_images_more_classes():
    plain = estimate(work(), SECONDS, CHECKPOINT, MEASURED_RATE)
    fast = estimate(work(), SECONDS, CHECKPOINT, 10 * MEASURED_RATE)
    assert minutes(fast, 'cam') == pytest.approx(minutes(plain, 'cam') / 10, abs=0.06)
    # the dense CRF runs on the cores
    assert fast['ir_label'] == plain['ir_label']
    large = estimate(work(size=(900, 800)), SECONDS, CHECKPOINT, MEASURED_RATE)
    assert minutes(large, 'cam_maps') == pytest.approx(4 * minutes(plain, 'cam_maps'), abs=0.2)
    # crops stay as they are
    assert large['cam'] == plain['cam']
    capped = estimate(work(size=(9000, 8000), max_side=450), SECONDS, CHECKPOINT, MEASURED_RATE)
    assert capped['cam_maps'] == plain['cam_maps']
    many = estimate(work(classes=3.2), SECONDS, CHECKPOINT, MEASURED_RATE)
    assert minutes(many, 'qa_clims') == pytest.approx(2 * minutes(plain, 'qa_clims'), abs=0.1)


def test_the_report_draws_as_many_masks_as_it_shows():
    assert MOST_DRAWN == MOST_IMAGES
    few, most, all_of = (
        estimate(work(number), SECONDS, CHECKPOINT, MEASURED_RATE)['report']
        for number in (60, 10_000, 1_000_000)
    )
    assert few == (pytest.approx(0.1, abs=0.05), 2.5)
    assert most[1] == all_of[1] == pytest.approx(92, abs=0.1)
    # all masks are compared, since the worst are shown
    assert all_of[0] - most[0] == pytest.approx(990_000 * 0.004 / number_of_cores() / 60, rel=0.01)
