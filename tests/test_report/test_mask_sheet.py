import json
import re
import shutil
from types import SimpleNamespace

import pytest
from helpers import CHROMIUM_FLAGS
from PIL import Image
from tiny_report import EVIL, IDS
from tiny_review import square, write_masks

from qaclims_mm.datasets.read_image import read_image
from qaclims_mm.miniworld import CLASSES
from qaclims_mm.report import mask_sheet
from qaclims_mm.report.mask_sheet import row_of, write_mask_sheet
from qaclims_mm.report.reviewing import Reviewing, review_work
from qaclims_mm.report.thumbnails import Thumbnail
from qaclims_mm.report.work_dir import WorkDir
from qaclims_mm.review.findings import Candidate, Reviewed
from qaclims_mm.review.ranking import rank_images
from qaclims_mm.review.sources import find_sources
from qaclims_mm.schemas import read_mask

CHROMIUM = shutil.which('chromium')
PAIRS = {('IRN', 'the segmentor'): {0: 0.5, 2: 0.25}, ('the map', 'IRN'): {0: 1.0}}


def data_of(folder):
    text = (folder / 'masks.js').read_text(encoding='ascii')
    return json.loads(re.fullmatch(r'const MASKS = (.*);\n', text)[1])


@pytest.fixture
def sheet(run, finished, tmp_path):
    """Return a function that writes the sheet of a work dir; one mask of it is empty."""
    truth = finished.parents[1] / 'world/SegmentationClass'
    masks = {i: read_mask(truth / f'{i}.png') for i in IDS}
    masks[IDS[1]][:] = 0
    write_masks(run, 'irn_masks', 'pseudo_masks', masks)

    def write():
        folder = tmp_path / 'report_files'
        return write_mask_sheet(folder, review_work(WorkDir(run)), 'All masks'), data_of(folder)

    return write


def test_a_sheet_with_ground_truth(sheet, tmp_path):
    found, data = sheet()
    assert found.page == tmp_path / 'report_files/masks.html'
    assert found.images == len(IDS)
    assert sorted(found.ious) == [0.0, *[1.0] * (len(IDS) - 1)]
    assert (data['measure'], data['classes']) == ('IoU', list(CLASSES))
    # the worst one first
    assert data['images'][0][0] == IDS[1]
    for name, picture, labels, _, _, quality, of_class in data['images']:
        assert quality == (0.0 if name == IDS[1] else 100.0)
        assert {int(k) for k in of_class} == {*labels}
        with Image.open(tmp_path / 'report_files/masks' / picture) as image:
            assert image.format == 'JPEG'
    page = found.page.read_text()
    assert 'IoU is that of a mask and its ground truth' in page
    assert 'The masks of IRN (irn_masks) on 6 images.' in page


def test_pictures_of_an_earlier_sheet_are_gone(sheet, tmp_path):
    sheet()
    folder = tmp_path / 'report_files'
    (folder / 'masks/000099.jpg').write_bytes(b'old')
    sheet()
    assert len([*(folder / 'masks').iterdir()]) == len(IDS)
    assert {p.name for p in folder.iterdir()} == {'masks', 'masks.html', 'masks.js'}


def test_a_large_dataset_shows_the_worst_masks(sheet, monkeypatch):
    monkeypatch.setattr(mask_sheet, 'MOST_IMAGES', 2)
    found, data = sheet()
    assert (found.images, len(data['images'])) == (2, 2)
    assert data['images'][0][0] == IDS[1]
    left = (
        'The masks of IRN (irn_masks) on 2 images. These are the ones to look at first; the page '
    )
    assert f'{left}leaves out {len(IDS) - 2} more.' in found.page.read_text()


def test_quality_with_and_without_ground_truth():
    reviewed = Reviewed('a/b', 0.12345, 'a reason', PAIRS)
    drawn = Thumbnail(3, '000003.jpg', None, frozenset({0, 1}))
    # the mean over each two stages, of the image (37.5 and 100 %) and of each class
    assert row_of(reviewed, [0], drawn, False) == [
        *('a/b', '000003.jpg', [0], 0.123, 'a reason', 68.8),
        {0: 75.0, 2: 25.0},
    ]
    judged = drawn._replace(ious={0: 0.4})
    assert row_of(reviewed, [0], judged, True)[-2:] == [40.0, {0: 40.0}]
    # beside images with ground truth, agreement would pass for IoU with it
    assert row_of(reviewed, [0], drawn, True)[-2:] == [None, {}]
    # a single stage has nothing to be compared with
    assert row_of(Reviewed('a', 0.9, 'r'), [0], drawn, False)[-2:] == [None, {}]
    # both are empty
    assert row_of(Reviewed('a', 0, 'r', {('IRN', 'x'): {}}), [], drawn, False)[-2:] == [100.0, {}]
    # the page searches the whole name
    long = 'site/' * 40 + 'frame_000123'
    assert row_of(Reviewed(long, 0, 'r'), [], drawn, False)[0] == long


@pytest.fixture
def odd(tmp_path):
    """Return a sheet of 70 images without ground truth whose names are markup."""
    names = ['x</script><img src=x onerror=alert(1)>', EVIL, 'e\u2028f']
    ids = [f'{n:02d}' for n in range(70)]
    Image.new('RGB', (40, 30), 'grey').save(tmp_path / 'photo.png')
    for stage, made in (('irn_masks', 'pseudo_masks'), ('segment_test', 'predictions')):
        shift = 0 if made == 'pseudo_masks' else 5
        masks = {
            i: square(1 + n % 3, (5, 15), (5 + shift * (n % 2), 15 + shift * (n % 2)))
            for n, i in enumerate(ids)
        }
        write_masks(tmp_path, stage, made, masks)
    records = [
        dict(
            image_id=i,
            img_path=str(tmp_path / 'photo.png'),
            seg_map_path=None,
            class_indices=[n % 3],
        )
        for n, i in enumerate(ids)
    ]
    dataset = SimpleNamespace(
        class_names=names, reader=read_image, iterate_records=lambda: iter(records)
    )
    sources = find_sources(tmp_path)
    images = [Candidate(i, (n % 3,)) for n, i in enumerate(ids)]
    ranked = rank_images(images, sources, names)
    ranked[0] = Reviewed(names[0], 1.0, names[0])
    records.append(dict(records[0], image_id=ranked[0].image_id))
    review = Reviewing(names[0], ranked, sources, dataset)
    return write_mask_sheet(tmp_path / 'out', review, f'All masks of {names[0]}').page


def test_names_are_data(odd):
    page, data = odd.read_text(), data_of(odd.parent)
    assert '<img src=x' not in page
    assert page.count('<script') == 2
    assert data['measure'] == 'agreement'
    assert data['images'][0][0].startswith('x</script><img')
    assert 'innerHTML' not in page


@pytest.mark.skipif(not CHROMIUM, reason='chromium is not installed: apt-get install chromium')
@pytest.mark.parametrize('width', [390, 1280])
def test_in_a_browser(odd, width):
    sync_api = pytest.importorskip('playwright.sync_api')
    problems = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_FLAGS))
        tab = browser.new_page(viewport=dict(width=width, height=800))
        tab.on('console', lambda message: problems.append(message.text))
        tab.on('pageerror', lambda error: problems.append(str(error)))
        tab.goto(odd.as_uri())

        def shown():
            return tab.eval_on_selector_all('#sheet strong', 'all => all.map(n => n.textContent)')

        first = shown()
        assert len(first) == 60
        assert first[0].startswith('x</script><img')
        assert tab.inner_text('#count') == '70 of 70 images'
        assert tab.eval_on_selector_all('#sheet img', 'all => all.every(i => i.loading == "lazy")')
        tab.click('#next')
        assert len(shown()) == 10
        assert tab.inner_text('#place') == 'page 2 of 2'
        assert tab.is_disabled('#next')
        tab.select_option('#class', '1')
        captions = tab.inner_text('#sheet')
        assert captions.count('agreement of') == len(shown()) == 22
        # masks that were moved by half agree on a third
        tab.fill('#to', '50')
        low = shown()
        assert 0 < len(low) < 22
        tab.fill('#to', '100')
        tab.select_option('#order', 'low')
        assert shown()[0] in low
        tab.select_option('#order', 'high')
        assert shown()[0] not in low
        tab.select_option('#class', '')
        tab.select_option('#order', 'name')
        assert shown() == sorted(shown())
        tab.fill('#name', 'ONERROR')
        assert len(shown()) == 1
        assert tab.evaluate('document.documentElement.scrollWidth') <= width
        browser.close()
    assert not problems
