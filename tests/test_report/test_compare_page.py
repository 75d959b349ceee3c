import re
from dataclasses import replace

import pytest
from tiny_compare import MOVED, make_masks
from tiny_report import IDS

from qaclims_mm.miniworld import CLASSES
from qaclims_mm.report.compare_page import Comparing, verdict_blocks, write_compare_page
from qaclims_mm.report.work_dir import WorkDir
from qaclims_mm.review.comparing import Candidate, Option, compare_masks
from qaclims_mm.review.sources import MaskSource


@pytest.fixture
def make_page(finished, tmp_path):
    pictures, work = finished.parents[1] / 'world', tmp_path / 'work'
    options = []
    for stage, pixels in MOVED.items():
        make_masks(work, stage, pictures, pixels)
        folder = work / stage / 'pseudo_masks'
        options.append(Option(stage, MaskSource(stage, stage, folder)))

    def build(
        top=2, with_truth=True, number=3, absent=None, name='w', mask_models=None, warning=('', '')
    ):
        dataset = WorkDir(work).dataset('par')
        truths = [pictures / f'SegmentationClass/{i}.png' if with_truth else None for i in IDS]
        images = [Candidate(i, t) for i, t in zip(IDS, truths, strict=True)]
        shown = [
            o._replace(mask_models=(mask_models or {}).get(o.masks_by, ()))
            for o in options[:number]
        ]
        compared = compare_masks(shown, images, CLASSES)
        comparison = replace(compared.comparison, absent=absent or {})
        compared = compared._replace(comparison=comparison)
        comparing = Comparing(name, compared, options[:number], images, dataset, 'PLAN', warning)
        write_compare_page(tmp_path / 'index.html', comparing, top)
        return (tmp_path / 'index.html').read_text(encoding='utf-8')

    return build


def headings(page):
    return re.findall('<h2>(.*?)</h2>', page)


def test_scores_classes_agreement_and_pictures(make_page):
    page = make_page()
    assert headings(page) == ['Recommended masks', 'Scores', 'Agreement', 'Images']
    assert '<code>qaclims run PLAN --masks-by par</code>' in page
    assert '<th scope="row">par</th><td>100.0</td><td></td>' in page
    assert '<th scope="col">irn_masks and par</th>' in page
    assert page.count('<article class="panel">') == 2
    assert page.count('<figcaption>ground truth</figcaption>') == 2
    # nothing is loaded from elsewhere
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    assert 'Images where the masks differ most come first: 1. Images drawn evenly from' in page


def test_without_ground_truth_there_is_agreement_alone(make_page):
    page = make_page(with_truth=False, absent={'prompted': 'needs <weights>'})
    assert headings(page) == [
        'Verdict',
        'Agreement',
        'Images',
        'Masks that could not be made',
    ]
    assert 'Agreement is not correctness' in page
    assert '--masks-by par' not in page
    assert 'ground truth</figcaption>' not in page
    assert 'prompted: needs &lt;weights&gt;' in page


def test_masks_that_mean_nothing(make_page):
    assert 'class="warning"' not in make_page()
    assert '<p class="warning" role="note">Of &lt;MiniWorld&gt;.</p>' in make_page(
        warning=('Of <MiniWorld>.', '')
    )


def test_models_trained_with_masks_have_a_column(make_page):
    page = make_page()
    assert '>trained with masks</th>' not in page
    page = make_page(mask_models={'par': ('miniworld://clipseg', '</b>my sam')})
    assert '>trained with masks</th>' in page
    assert page.count('<td>yes</td>') == 1
    # the name of a model is data
    assert 'with other seeds) and &lt;/b&gt;my sam, which were trained with masks' in page
    # no choice has a note
    assert '>note</th>' not in page


def test_one_choice_alone(make_page):
    page = make_page(number=1, top=99)
    assert headings(page) == ['Recommended masks', 'Scores', 'Images']
    assert page.count('<article') == len(IDS)
    assert 'Agreement of the masks' not in page


def test_names_are_data(make_page):
    page = make_page(name='</h1><script>alert(1)</script>')
    assert '<script' not in page


def test_the_verdict_ends_in_a_command(make_page):
    from qaclims_mm.schemas.numbers.comparison import ComparedMasks, Comparison

    found = Comparison(['background'], 3, 3, 0, [ComparedMasks('par', 'par', 50, [50.0])], [])
    assert verdict_blocks(found, 'my plan')[-1].command == 'qaclims run my plan --masks-by par'
