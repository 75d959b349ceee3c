import re
import shutil
from pathlib import Path

import pytest
from tiny_report import IDS, write_config
from tiny_review import square, write_masks

from qaclims_mm.miniworld import CLASSES
from qaclims_mm.report.review_page import write_page
from qaclims_mm.report.reviewing import Reviewing
from qaclims_mm.report.work_dir import WorkDir
from qaclims_mm.review.findings import Candidate
from qaclims_mm.review.ranking import rank_images
from qaclims_mm.review.sources import find_sources
from qaclims_mm.schemas import update_metrics
from qaclims_mm.visualization.colours import page_colours


@pytest.fixture
def world(finished, tmp_path):
    return Path(shutil.copytree(finished.parents[1] / 'world', tmp_path / 'world'))


@pytest.fixture
def make_page(world, tmp_path):
    def build(top=2, **changes):
        work = tmp_path / 'work'
        masks = {i: square(1 + n, size=(48, 48)) for n, i in enumerate(IDS)}
        masks[IDS[0]][40:44, 40:44] = 255
        write_masks(work, 'irn_masks', 'pseudo_masks', masks)
        write_config(work / 'irn_masks', world)
        update_metrics(work / 'metrics.json', 'irn_masks', {})
        dataset, sources = WorkDir(work).dataset('irn_masks'), find_sources(work)
        records = list(dataset.iterate_records())
        images = [Candidate(r['image_id'], tuple(r['class_indices'])) for r in records]
        ranked = rank_images(images, sources, CLASSES)
        name, warning = changes.get('name', 'w'), changes.get('warning', ('', ''))
        review = Reviewing(name, ranked, sources, dataset, 3, warning)
        write_page(tmp_path / 'index.html', review, top)
        return ranked, (tmp_path / 'index.html').read_text(encoding='utf-8')

    return build


def test_pictures_reasons_and_legends(make_page):
    ranked, page = make_page(top=3)
    assert page.count('<article class="panel">') == 3
    # the photograph and one mask each, inside the page
    assert page.count('src="data:image/jpeg;base64,') == 6
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    for each in ranked[:3]:
        reason = each.reason[0].upper() + each.reason[1:]
        assert reason in page
    number = IDS.index(ranked[0].image_id) + 1
    colour = ','.join(map(str, page_colours()[number]))
    assert f'<span style="background:rgb({colour})"></span>{CLASSES[number - 1]}</li>' in page
    assert '<dt>corrected, left out</dt><dd>3</dd>' in page


def test_ignored_pixels_are_named(make_page):
    _, page = make_page(top=len(IDS))
    assert page.count('</span>does not count</li>') == 1


def test_fewer_images_than_asked_for(make_page):
    _, page = make_page(top=1000)
    assert page.count('<article') == len(IDS)
    assert f'<dt>shown here</dt><dd>{len(IDS)}</dd>' in page


def test_names_are_data(make_page):
    _, page = make_page(name='</h1><script>alert(1)</script>')
    assert '<script' not in page


def test_masks_that_mean_nothing(make_page):
    _, page = make_page(warning=('Of <MiniWorld>. Run:', 'qaclims init <a> --preset full'))
    banner = 'Of &lt;MiniWorld&gt;. Run: <code>qaclims init &lt;a&gt; --preset full</code>'
    assert f'<p class="warning" role="note">{banner}</p>' in page


def test_an_image_that_is_gone(make_page, world):
    [path] = world.glob(f'JPEGImages/{IDS[1]}.*')
    path.unlink()
    _, page = make_page(top=len(IDS))
    assert 'The image cannot be shown' in page
    assert path.name in page
    assert page.count('src="data:image/jpeg;base64,') == 2 * (len(IDS) - 1)
