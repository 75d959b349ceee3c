import re
import shutil
from datetime import datetime
from urllib.parse import unquote

import pytest
from helpers import CHROMIUM_FLAGS
from tiny_report import EVIL, make_ablations, write_config, write_curve

from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.report import page as page_module
from qaclims_mm.report.blocks import (
    Details,
    Gallery,
    Picture,
    Section,
    Table,
    Text,
    Tiles,
)
from qaclims_mm.report.page import all_sections, write_report
from qaclims_mm.report.templates import render
from qaclims_mm.schemas import update_metrics

NOW = datetime(2026, 3, 4, 5, 6)
CHROMIUM = shutil.which('chromium')
PICTURE = Picture(b'x', 'image/png', (3, 4), 'say "x"', '<cap>', wide=True, plot=True)


@pytest.fixture(scope='module')
def page(finished, tmp_path_factory):
    """Return the report of a work dir with odd names in it, and its ablations."""
    root = tmp_path_factory.mktemp('page')
    run = shutil.copytree(finished, root / 'runs/<b>seed & 0')
    make_ablations(root / 'runs/ablations')
    write_curve(run / 'clims_maps', classes={EVIL: [1.0, 2.0, 3.0], 'x' * 300: [1.0] * 3})
    update_metrics(run / 'clims_maps/metrics.json', EVIL, {'cam/mIoU': 5.0, f'{EVIL}/n': 1.0})
    (run / 'clims_maps/odd.py').write_text(f"x = '''</pre>{EVIL}'''\n")
    write_report(run, root / 'out/report.html', run.parent / 'ablations')
    assert {p.name for p in (root / 'out').iterdir()} == {'report.html', 'report_files'}
    return root / 'out/report.html'


def test_all_sections_have_something(page):
    text = page.read_text()
    sections = re.findall(r'<section id="([^"]+)">', text)
    assert len(sections) == 13
    assert re.findall(r'<li><a href="#([^"]+)"', text) == sections
    assert text.count('<p class="muted">') == 1  # the date
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in text


def test_what_is_on_disk_is_escaped(page):
    text = page.read_text()
    assert '<script' not in text
    assert '&lt;script&gt;' in text
    assert '<b>seed' not in text
    assert text.count('</pre>') == text.count('<pre>')


def test_nothing_is_fetched(page):
    text = page.read_text()
    assert not re.findall(r'src="(?!data:)[^"]*"', text)
    # only links, to files beside the page
    found = re.findall(r'href="(?!data:|#)([^"]*)"', text)
    assert found
    assert all((page.parent / unquote(address)).is_file() for address in found)
    assert 'url(' not in text
    assert '@import' not in text
    assert page.stat().st_size < 6e6


def test_work_dir_with_metrics_alone(tmp_path):
    update_metrics(tmp_path / 'run/metrics.json', 'cam_maps', {'cam/mIoU': 5.0})
    sections = write_report(tmp_path / 'run', tmp_path / 'r.html', tmp_path / 'none')
    titles = [s.title for s in sections]
    assert titles == ['The numbers', 'Versions and configs', 'What is missing']
    lines = sections[-1].blocks
    assert len(lines) == len({line.text for line in lines}) == 9
    commands = [line.command for line in lines if 'has no logs' not in line.text]
    assert all(c.startswith('qaclims run PLAN --work-dir') for c in commands)
    assert all(line.muted for line in lines)


def test_no_section_is_empty(page):
    assert not re.findall(r'</h2>\s*</section>', page.read_text())
    assert 'What is missing' not in page.read_text()


def test_a_project_without_ground_truth_is_told_so_once(run, tmp_path):
    for path in run.glob('*/curve.json'):
        path.unlink()
    write_config(run / 'qa_clims_maps', tmp_path, test_evaluator=[dict(type='CAMWriter')])
    *_, last = write_report(run, tmp_path / 'r.html', tmp_path / 'none')
    told = [line.text for line in last.blocks if 'ground truth' in line.text]
    [line] = told
    assert line.startswith('IoU of each class, mIoU over thresholds, Failures: There are no ')


def test_suites_are_shown_where_there_are_some(page, work):
    suites = {'Ablations', 'Omega, the ratio of the threshold'}
    assert all(f'<h2>{title}</h2>' in page.read_text() for title in suites)
    sections = all_sections(work, page.parent / 'none', NOW, page.parent / 'other_files')
    assert not suites & {s.title for s in sections}


def test_no_metrics(tmp_path):
    with pytest.raises(FormatError, match=r'has no metrics.json'):
        write_report(tmp_path, tmp_path / 'r.html', tmp_path)
    assert not list(tmp_path.iterdir())
    update_metrics(tmp_path / 'seed3/metrics.json', 'cam_maps', {'cam/mIoU': 5.0})
    with pytest.raises(ConfigError, match=r'is a folder of seeds; .* such as .*/seed3\.'):
        write_report(tmp_path, tmp_path / 'r.html', tmp_path)


def test_it_says_of_what_it_is(page):
    lead = re.search(r'<h1>.*?</h1>\n<p>(.*?)</p>', page.read_text())[1]
    assert 'Maps and masks are of the images of ImageSets/Segmentation/train.txt in ' in lead
    assert lead.endswith('the trainings of seed 7.')


def test_every_kind_of_block_is_shown():
    blocks = [
        Text('a < b', 'run & go'),
        Tiles([('<t>', '1 %')]),
        Table(['<h>', 'n'], [['<r>', '2']], '<c>', '<of>'),
        PICTURE,
        Details('<d>', '<pre>'),
        Gallery([PICTURE]),
        Gallery([PICTURE], '<g>', folded=True),
        Gallery([PICTURE], '<h>', small=True),
    ]
    text = render('<T>', '<D>', '<L>', [Section('S', blocks)])
    for shown in (
        '<p>a &lt; b <code>run &amp; go</code></p>',
        '<p>&lt;L&gt;</p>',
        '<h3>&lt;of&gt;</h3>',
        '<dt>&lt;t&gt;</dt><dd>1 %</dd>',
        '<th scope="row">&lt;r&gt;</th><td>2</td>',
        '<figcaption>&lt;c&gt;</figcaption>',
        '<img class="plot" src="data:image/png;base64,eA==" width="3" height="4" '
        'alt="say &#34;x&#34;">',
        '<summary>&lt;d&gt;</summary><pre>&lt;pre&gt;</pre>',
        '<title>&lt;T&gt;</title>',
        '<details><summary>&lt;g&gt;</summary><div class="gallery"><figure',
    ):
        assert shown in text
    assert '<h3>&lt;h&gt;</h3>\n<div class="gallery small"><figure' in text
    assert text.count('<img') == 4


@pytest.mark.skipif(not CHROMIUM, reason='chromium is not installed: apt-get install chromium')
@pytest.mark.parametrize('width', [390, 1280])
def test_in_a_browser(page, width):
    sync_api = pytest.importorskip('playwright.sync_api')
    problems, asked = [], []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_FLAGS))
        tab = browser.new_page(viewport=dict(width=width, height=800))
        tab.on('console', lambda message: problems.append(message.text))
        tab.on('pageerror', lambda error: problems.append(str(error)))
        tab.on('request', lambda request: asked.append(request.url))
        tab.goto(page.as_uri())
        sizes = tab.eval_on_selector_all('img', 'all => all.map(i => i.naturalWidth)')
        whole = tab.evaluate('document.documentElement.scrollWidth')
        # opened, the configs must not widen the page either
        tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        opened = tab.evaluate('document.documentElement.scrollWidth')
        browser.close()
    assert not problems
    assert not [url for url in asked if not url.startswith(('file:', 'data:'))]
    assert len(sizes) > 8
    assert min(sizes) > 0
    assert max(whole, opened) <= width


def test_one_file_costs_one_section(run, tmp_path, monkeypatch):
    monkeypatch.setattr(page_module, 'segmentation_blocks', lambda work: [][0])
    sections = write_report(run, tmp_path / 'r.html', tmp_path / 'none')
    [shown] = next(s.blocks for s in sections if s.title == 'What is missing')
    assert shown.muted
    reason = 'Segmentations: This section cannot be made from the work dir (IndexError: '
    assert shown.text.startswith(reason)
